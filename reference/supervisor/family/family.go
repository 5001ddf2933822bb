package family

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// Parent starts task processes and is the subreaper of all that they start: Self or
// a Pool.
type Parent interface {
	// start starts argv with fds as descriptors 0 to 2 and nothing else, in / and
	// in a session of its own: nobody enters it from outside, so that its process
	// groups can be killed as wholes.
	start(argv, environ []string, credential *syscall.Credential, fds [3]*os.File) (family, error)
}

// family is the process of a task and everything that descends from it. A
// descendant whose parent ended is the child of the task's subreaper, so a second
// fork, a new session or a new group leads nowhere.
type family interface {
	main() int              // pid of the task process
	ended() <-chan struct{} // closed when the task process is gone
	status() Exit           // valid then

	// root is the process whose descendants the members are, 0 if that is gone.
	root() int
	// scan lists all members, parents before children, zombies included.
	scan() ([]descent.Process, error)
	// gone reports whether there are no members any more, zombies included. Unlike
	// a look at /proc it cannot miss a process that was started meanwhile.
	gone() bool
	// settle waits until there are no members, for at most d, and reports whether
	// that came true. It is to be called once the task process has ended.
	settle(d time.Duration) bool
	// reap takes note of ended members whose parents ended before them, as far as
	// that is for this process to do. It leaves alone a helper, for which its caller
	// waits; 0 if there is none.
	reap(helper int) error
	// orphans announces that reap may have something to do. It may be nil.
	orphans() <-chan os.Signal
	// release gives the family up. What still lives of it is left alone.
	release()
}

// living lists the living members of a family.
func living(f family) ([]descent.Process, error) {
	all, err := f.scan()
	return descent.Living(all), err
}

// Self is the parent of the one task of a process that runs no other: whatever
// descends from this process is the task, save for helpers that carry signals to
// other users.
type Self struct{}

func (Self) start(argv, environ []string, credential *syscall.Credential, fds [3]*os.File) (family, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environ
	cmd.Dir = "/" // the worker's directory may be closed to the user
	cmd.Stdin, cmd.Stdout, cmd.Stderr = fds[0], fds[1], fds[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
	o := &ownFamily{done: make(chan struct{}), children: make(chan os.Signal, 1)}
	signal.Notify(o.children, syscall.SIGCHLD)
	if err := cmd.Start(); err != nil {
		o.release()
		return nil, fmt.Errorf("start task process: %w", err)
	}
	o.pid = cmd.Process.Pid
	go func() {
		o.exit = exitOf(cmd.Process.Wait())
		close(o.done)
	}()
	return o, nil
}

// ownFamily descends from this process. One goroutine uses it: a helper that
// another one waits for could be reaped.
type ownFamily struct {
	pid      int
	done     chan struct{}
	exit     Exit
	children chan os.Signal
}

func (o *ownFamily) main() int                        { return o.pid }
func (o *ownFamily) root() int                        { return os.Getpid() }
func (o *ownFamily) ended() <-chan struct{}           { return o.done }
func (o *ownFamily) status() Exit                     { return o.exit }
func (o *ownFamily) scan() ([]descent.Process, error) { return descent.Of(os.Getpid()) }
func (o *ownFamily) orphans() <-chan os.Signal        { return o.children }
func (o *ownFamily) release()                         { signal.Stop(o.children) }

func (o *ownFamily) gone() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD)
}

func (o *ownFamily) settle(d time.Duration) bool {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for descent.Reap() {
		select {
		case <-o.children:
		case <-timeout.C:
			return !descent.Reap()
		}
	}
	return true
}

func (o *ownFamily) reap(helper int) error {
	all, err := o.scan()
	for _, p := range all {
		if p.Zombie && p.PID != o.pid && p.PID != helper { // the task process has a Wait of its own
			_, _ = unix.Wait4(p.PID, nil, unix.WNOHANG, nil) // fails for those that are not children
		}
	}
	return err
}
