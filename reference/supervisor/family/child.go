package family

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/reference/descent"
)

// Child is the process of a task, the runner or sudo that runs it, with all that
// descends from it, and the supervisor's ends of its channels.
type Child struct {
	Comms  *net.UnixConn // its fd 0
	Stdout *net.UnixConn
	Stderr *net.UnixConn

	family family
}

// PID returns the process id of the task process.
func (c *Child) PID() int { return c.family.main() }

// Ended returns what is closed when the task process is gone.
func (c *Child) Ended() <-chan struct{} { return c.family.ended() }

// Exit returns how the task process ended. It is valid once it has.
func (c *Child) Exit() Exit { return c.family.status() }

// Living lists the living processes of the task.
func (c *Child) Living() ([]descent.Process, error) { return living(c.family) }

// Orphans announces that Reap may have something to do. It may be nil.
func (c *Child) Orphans() <-chan os.Signal { return c.family.orphans() }

// Reap takes note of ended processes whose parents ended before them.
func (c *Child) Reap() error { return c.family.reap(0) }

// Release gives the task up. What still lives of it is left alone.
func (c *Child) Release() { c.family.release() }

// Start starts argv below p with a socket each as fds 0, 1 and 2, in / and with the
// credential, if that is not nil.
func Start(p Parent, argv, environ []string, credential *syscall.Credential) (*Child, error) {
	var ours [3]*net.UnixConn
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			if f != nil {
				f.Close()
			}
		}
	}()
	for i := range ours {
		var err error
		if ours[i], theirs[i], err = channel.Pair(); err != nil {
			closeAll(ours[:])
			return nil, fmt.Errorf("start task process: make socket for fd %d: %w", i, err)
		}
	}
	f, err := p.start(argv, environ, credential, theirs)
	if err != nil {
		closeAll(ours[:])
		return nil, err
	}
	return &Child{family: f, Comms: ours[0], Stdout: ours[1], Stderr: ours[2]}, nil
}

func closeAll(conns []*net.UnixConn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}
