package supervisor

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// maxSpares is how many spares there may be.
const maxSpares = 64

// spares are task processes that were started before there is a task for them:
// sudo has checked its policy, the runner waits for its startup frame and knows
// nothing. After a task of another user one is made for the next task that is
// started in the same way, if there is one soon. Each is used once.
//
// The price is that a process of a user stays for a while after the user's last
// task, and that a policy which changed meanwhile is noticed that much later. So
// there are none unless [understudy] serve_spare says for how long.
type spares struct {
	*worker
	say func(format string, values ...any)

	mu     sync.Mutex
	idle   map[string]*spare // who takes one out ends it, or uses it
	closed bool
	busy   sync.WaitGroup // with starting or ending one
}

type spare struct {
	child  *child // nil while it is started
	expiry *time.Timer
}

func newSpares(w *worker, say func(format string, values ...any)) *spares {
	return &spares{worker: w, say: say, idle: map[string]*spare{}}
}

// key tells plans apart that start different processes.
func (p plan) key() string { return fmt.Sprintf("%q %q %v", p.argv, p.environ, p.credential) }

// take returns a process for a plan, or nil.
func (s *spares) take(p plan) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := p.key()
	one := s.idle[key]
	if one == nil || one.child == nil {
		return nil
	}
	delete(s.idle, key)
	one.expiry.Stop()
	select {
	case <-one.child.ended(): // sudo refused, or somebody killed it
		s.discard(one.child)
		return nil
	default:
		return one.child
	}
}

// renew starts a process for the next task with this plan, if there is none.
func (s *spares) renew(p plan) {
	if s.settings.Spare == 0 || p.handed == nil || p.foreign != nil { // no switch to save
		return
	}
	key := p.key()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.idle[key] != nil || len(s.idle) >= maxSpares {
		return
	}
	one := new(spare)
	s.idle[key] = one
	s.busy.Go(func() {
		child, err := start(s.parent, p.argv, p.environ, p.credential)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case err != nil: // the next task will find out, and say so
			delete(s.idle, key)
		case s.closed:
			s.discard(child)
		default:
			one.child = child
			one.expiry = time.AfterFunc(s.settings.Spare, func() { s.expire(key, one) })
		}
	})
}

func (s *spares) expire(key string, one *spare) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle[key] == one {
		delete(s.idle, key)
		s.discard(one.child)
	}
}

// close ends all and waits for that.
func (s *spares) close() {
	s.mu.Lock()
	s.closed = true
	for key, one := range s.idle {
		delete(s.idle, key)
		if one.child != nil {
			one.expiry.Stop()
			s.discard(one.child)
		}
	}
	s.mu.Unlock()
	s.busy.Wait()
}

// discard ends a process that is not used: without its channel the runner ends.
// s.mu is held.
func (s *spares) discard(c *child) {
	s.busy.Go(func() {
		defer c.release()
		closeAll([]*net.UnixConn{c.comms, c.stdout, c.stderr})
		step := time.NewTimer(s.settings.KillStep)
		defer step.Stop()
		select {
		case <-c.ended():
		case <-step.C:
		}
		nobody := &TaskLog{w: io.Discard, mask: NewMasker(1, nil)}
		if err := s.killerOf(c, nobody).kill(context.Background()); err != nil {
			s.say("end a process that no task used: %v", err)
		}
	})
}
