package supervisor

import (
	"context"
	"fmt"
	"sync"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
)

// terminal is the one terminal state of the attempt. The first terminal message
// decides; nothing that differs is sent afterwards, also when the first did not
// get through, since the server may have it (LIFE-028).
type terminal struct {
	sending sync.Mutex // held while the state is on its way

	mu        sync.Mutex // of the following; not held then: who ends the task asks for the state
	state     string     // "" while there is none
	body      []byte     // what is sent for it, each time the same
	delivered bool
	seen      chan struct{} // closed once there is a state
}

func newTerminal() *terminal { return &terminal{seen: make(chan struct{})} }

// conflictError reports a second terminal message that asks for another state.
type conflictError struct{ first, second string }

func (e *conflictError) Error() string {
	return fmt.Sprintf("this attempt already ended as %s, it cannot end as %s", e.first, e.second)
}

// set takes the state that a message asks for, if it is the first, and reports
// whether it still has to be sent.
func (t *terminal) set(body message.Body) (pending bool, err error) {
	state, _ := message.TerminalState(body)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != "" {
		if t.state != state {
			return false, &conflictError{t.state, state}
		}
		return !t.delivered, nil
	}
	json, err := api.StateBody(body)
	if err != nil {
		return false, fmt.Errorf("encode state %s: %w", state, err)
	}
	t.state, t.body = state, json
	close(t.seen)
	return true, nil
}

// deliver sends the state, if there is one that the server did not accept yet.
func (t *terminal) deliver(ctx context.Context, s api.Instance) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	t.mu.Lock()
	pending, body := t.state != "" && !t.delivered, t.body
	t.mu.Unlock()
	if !pending {
		return nil
	}
	if err := s.State(ctx, body); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delivered = true
	return nil
}

// get returns the state, "" if there is none.
func (t *terminal) get() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}
