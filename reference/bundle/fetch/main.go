package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// giveUp is the time between the end of input and the end of this process. To end at any
// moment is safe: the next to prepare the bundle deals with what is left.
const giveUp = 5 * time.Second

// Main answers the one [bundle.Request] on input by a [bundle.Answer] on output, as
// [bundle.Program] says. It gives up at the end of input. Signals that a terminal or a
// service manager sends to all processes of a supervisor are for the supervisor to judge,
// which lets tasks go on.
//
// The error is that of a request that cannot be read or an answer that cannot be
// written; a version that cannot be fetched is an answer.
func Main(input io.Reader, output io.Writer) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // requests hold credentials
		return fmt.Errorf("become undumpable: %w", err)
	}
	if _, err := io.WriteString(output, "\n"); err != nil {
		return fmt.Errorf("ask for the request: %w", err)
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
		time.Sleep(giveUp) // what git's library computes has no end before its own
		os.Exit(1)
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
