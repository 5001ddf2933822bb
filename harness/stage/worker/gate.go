package worker

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// Gate is where a task waits without a word to anybody, until it is opened: a FIFO that
// it reads. At a barrier a task says where it is, and its supervisor has to answer.
type Gate struct {
	stage *Stage
	path  string
	fd    int
}

// NewGate makes a gate, which any user may read.
func (s *Stage) NewGate() *Gate {
	g := &Gate{stage: s, path: s.Path("gate-" + s.Nonce()), fd: -1}
	s.Must(errors.Join(unix.Mkfifo(g.path, 0o600), os.Chmod(g.path, 0o644)))
	return g
}

// Wait is the verb of a task that waits at the gate.
func (g *Gate) Wait() stage.Verb { return stage.ReadFile(g.path) }

// Reached waits until a task waits at the gate, and reports whether one does.
func (g *Gate) Reached() bool {
	until(g.stage, g.stage.Stretched(stage.DefaultPatience), func() bool {
		fd, err := unix.Open(g.path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENXIO) { // nobody reads
			return false
		}
		g.stage.Must(err)
		g.fd = fd
		g.stage.Finally(func() error { g.Open(); return nil })
		return true
	})
	return g.fd >= 0
}

// Open lets the task go on.
func (g *Gate) Open() {
	if g.fd >= 0 {
		unix.Close(g.fd)
		g.fd = -1
	}
}
