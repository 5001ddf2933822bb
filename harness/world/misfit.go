package world

import (
	"fmt"

	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// Misfit is something that a client sent and the release does not take.
type Misfit struct {
	Task  string      // id of the task instance that sent it
	What  string      // "PATCH task-instances/ID/state", or the type of a message
	As    shape.Shape // the release, as which the client was taken
	Fault shape.Misfit
}

// String names what was sent, what is wrong with it, and as whom the client was taken.
func (m Misfit) String() string { return fmt.Sprintf("%s: %s in %s", m.What, m.Fault, m.As) }

// maxMisfits bounds what is kept of a client that never stops.
const maxMisfits = 20

// Shape is that of the release as which frames are written and read. Over HTTP a client
// says by a header as whom it wants to be taken.
func (w *World) Shape() shape.Shape { return w.shape }

// Misfits lists what was sent and does not fit, the first ones of many.
func (w *World) Misfits() []Misfit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Misfit(nil), w.misfits...)
}

// Misfit notes something that does not fit; for the doors.
func (w *World) Misfit(m Misfit) {
	w.change(func() {
		if len(w.misfits) < maxMisfits {
			w.misfits = append(w.misfits, m)
		}
	})
}

// Takes notes what in a runner's request does not fit, and says why the release refuses
// it, "" if it does not. Keys are those of the request's body. Of a release that is newer
// than all that are known nobody can say what it refuses.
func (w *World) Takes(task, messageType string, keys []string) (why string) {
	for _, fault := range w.shape.Request(messageType, keys) {
		m := Misfit{Task: task, What: messageType, As: w.shape, Fault: fault}
		w.Misfit(m)
		if !w.shape.Newer() && why == "" {
			why = m.String()
		}
	}
	return why
}

// Speaks notes as whom a client wants to be taken; for the doors.
func (w *World) Speaks(as shape.Shape) {
	if as.Same(w.shape) || as.Newer() || w.shape.Newer() {
		return // of what is newer than all that is known nobody can say that it differs
	}
	w.change(func() {
		if w.disputed == "" {
			w.disputed = fmt.Sprintf("it speaks to the Execution API as %s, and is said to be %s", as, w.shape)
		}
	})
}

// Disputed says how a client's own word differs from the release as which it is taken;
// "" if it does not.
func (w *World) Disputed() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disputed
}
