package runner

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// signals are those that the runner catches. The Go runtime needs a good tenth of
// a millisecond for it, in which another goroutine can get on.
type signals struct {
	stop  chan os.Signal // SIGTERM, SIGINT
	child chan os.Signal // SIGCHLD
	ready chan struct{}  // closed when they are caught
}

// catchSignals begins to catch them. It is to be called by the phase that runs the
// task, since exec forgets what was caught.
func catchSignals() *signals {
	s := &signals{stop: make(chan os.Signal, 1), child: make(chan os.Signal, 1), ready: make(chan struct{})}
	go func() {
		defer close(s.ready)
		surviveClosedOutput()
		signal.Notify(s.stop, unix.SIGTERM, unix.SIGINT)
		signal.Notify(s.child, unix.SIGCHLD)
	}()
	return s
}

// surviveClosedOutput makes a closed standard output or error an error of the
// write instead of the end of the process. Being caught is not inherited by the
// children of a task, as being ignored would be.
// Who is about to write calls it again, which waits until it has happened.
var surviveClosedOutput = sync.OnceFunc(func() { signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) })
