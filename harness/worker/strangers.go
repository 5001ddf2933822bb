package worker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// strangersTime is how long killed processes may take to be gone, on a machine that is not busy.
const strangersTime = 5 * time.Second

// endStrangers ends what lives in the sandbox and is neither its first process nor
// descends from this one: a daemon of root, say, which the stage cannot tell from others
// once its parent is gone. It would see the cases that follow. Outside a sandbox, where
// the first process is another program, it ends nothing.
func endStrangers() error {
	if !afterInit() {
		return nil
	}
	wait, stop := busy.Gauge(busy.Factor).Wait(context.Background(), strangersTime, nil)
	defer stop()
	for {
		all, err := proc.All()
		if err != nil {
			return err
		}
		var left []string
		for _, p := range all {
			if p.PID == 1 || p.Zombie() || descends(all, p.PID, os.Getpid()) {
				continue
			}
			left = append(left, p.String())
			if err := p.Signal(syscall.SIGKILL); err != nil {
				return err
			}
		}
		if len(left) == 0 {
			return nil
		}
		if wait.Err() != nil {
			return fmt.Errorf("processes that belong to nobody cannot be killed: %s", strings.Join(left, "; "))
		}
		time.Sleep(time.Millisecond) // a killed process needs a moment; there is no event for many at once
	}
}

// afterInit says whether the parent of this process is the first one, and its own program.
func afterInit() bool {
	first, err := os.Stat("/proc/1/exe")
	own, failed := os.Stat("/proc/self/exe")
	return os.Getppid() == 1 && err == nil && failed == nil && os.SameFile(first, own)
}

// descends says whether a process is another one, or descends from it. A parent that is
// not in the list ended while the list was made: then the first process is the parent.
func descends(all map[int]proc.Process, pid, from int) bool {
	for pid > 1 && pid != from {
		pid = all[pid].PPID
	}
	return pid == from
}
