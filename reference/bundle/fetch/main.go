package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// Main answers the one [bundle.Request] on input by a [bundle.Answer] on output. It gives
// up at the end of input. Signals that a terminal or a service manager sends to all
// processes of a supervisor are for the supervisor to judge, which lets tasks go on.
//
// The error is that of a request that cannot be read or an answer that cannot be
// written; a version that cannot be fetched is an answer.
func Main(input io.Reader, output io.Writer) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // requests hold credentials
		return fmt.Errorf("become undumpable: %w", err)
	}
	var request bundle.Request
	if err := json.NewDecoder(input).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, input)
		cancel()
	}()
	var answer bundle.Answer
	var err error
	if answer.Fetched, err = Fetch(ctx, request); err != nil {
		answer.Error = err.Error()
	}
	if err := json.NewEncoder(output).Encode(answer); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
