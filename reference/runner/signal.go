package runner

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// Kill sends a signal to each of the pids given as text. It exists so that a
// supervisor can run it as the target, through the very sudo rule that starts
// the runner: signals do not cross users (IMP-015). Processes that are gone
// already are no error. Everything is checked before anything is signalled.
func Kill(signal string, pids []string) error {
	number, err := signalNumber(signal)
	if err != nil {
		return err
	}
	targets := make([]int, len(pids))
	for i, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil || pid <= 1 {
			return fmt.Errorf("%q is no pid to signal; groups and pid 1 are refused", text)
		}
		targets[i] = pid
	}
	var failures []error
	for _, pid := range targets {
		if err := unix.Kill(pid, number); err != nil && !errors.Is(err, unix.ESRCH) {
			failures = append(failures, fmt.Errorf("send %s to process %d: %w", unix.SignalName(number), pid, err))
		}
	}
	return errors.Join(failures...)
}

// huntBound is how long Hunt takes at most. On a busy machine it takes far longer
// to start it.
const huntBound = 2 * time.Second

// Hunt sends SIGKILL to what descends from the process with that pid and may be
// signalled by this one, see descent.Hunt. It exists for the same reason as Kill.
func Hunt(root string) error {
	pid, err := strconv.Atoi(root)
	if err != nil || pid <= 1 {
		return fmt.Errorf("%q is no pid of a task's subreaper", root)
	}
	return descent.Hunt(pid, huntBound)
}

// signalNumber understands KILL, SIGKILL and 9.
func signalNumber(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && unix.SignalName(unix.Signal(n)) != "" {
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if number := unix.SignalNum(name); number != 0 {
		return number, nil
	}
	return 0, fmt.Errorf("no signal is called %q", text)
}
