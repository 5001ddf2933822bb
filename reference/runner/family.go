package runner

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// family is this process and all that descends from it. As subreaper it becomes
// the parent of every descendant whose own parent ends, so no double fork, new
// session or new group leads out of it.
type family struct {
	changed chan os.Signal // a child changed its state
	stop    chan struct{}
	stopped chan struct{}
}

// adoptOrphans makes this process the subreaper of its descendants and reaps the
// orphans among them when changed says that a child has. Who started a process
// may still wait for it.
func adoptOrphans(changed chan os.Signal) (*family, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the subreaper of the task: %w", err)
	}
	f := &family{changed: changed, stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(f.stopped)
		for {
			select {
			case <-f.changed:
				reapOrphans()
			case <-f.stop:
				return
			}
		}
	}()
	return f, nil
}

// end kills all descendants, again and again until none is left, so that none
// can start others meanwhile. After bound it returns the pids of those that could
// not be ended, or why they cannot be told. It is to be called once.
func (f *family) end(bound time.Duration) ([]int, error) {
	close(f.stop)
	<-f.stopped
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	for descent.Reap() {
		alive, _ := living() // what cannot be listed now is looked for again
		for _, pid := range alive {
			unix.Kill(pid, unix.SIGKILL)
		}
		// A death that needs no reaping by us, of a grandchild, brings no signal;
		// its parent's death, just as near, does.
		again := time.NewTimer(20 * time.Millisecond)
		select {
		case <-f.changed:
		case <-again.C:
		case <-deadline.C:
			descent.Reap()
			return living()
		}
		again.Stop()
	}
	return nil, nil
}

// living lists the descendants of this process that have not ended.
func living() ([]int, error) {
	all, err := descent.Of(os.Getpid())
	var pids []int
	for _, p := range descent.Living(all) {
		pids = append(pids, p.PID)
	}
	return pids, err
}
