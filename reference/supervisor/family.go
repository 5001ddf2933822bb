package supervisor

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// family is everything that descends from this process, which is a subreaper: a
// descendant whose parent ended is its child. That is the task and nothing else,
// save for the helpers that carry signals to other users.
// One goroutine uses it: a helper that another one waits for could be reaped.
type family struct {
	main int // the task process, which has a Wait of its own
}

// alive lists the living processes, parents before children.
func (f *family) alive() ([]descent.Process, error) {
	all, err := f.scan()
	var living []descent.Process
	for _, p := range all {
		if !p.Zombie {
			living = append(living, p)
		}
	}
	return living, err
}

// reap takes note of ended processes whose parents ended before them.
func (f *family) reap() error {
	all, err := f.scan()
	for _, p := range all {
		if p.Zombie && p.PID != f.main {
			_, _ = unix.Wait4(p.PID, nil, unix.WNOHANG, nil) // fails for those that are not children
		}
	}
	return err
}

// gone reports whether nothing at all descends from this process any more,
// zombies included. Unlike a look at /proc it cannot miss a process that was
// started meanwhile.
func (f *family) gone() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD)
}

// scan lists the descendants of this process, zombies included.
func (f *family) scan() ([]descent.Process, error) { return descent.Of(os.Getpid()) }
