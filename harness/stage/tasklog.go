package stage

import (
	"errors"

	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// TaskLog is the log of one task.
type TaskLog interface {
	// Text returns what of it can be read so far, and why that is not all: where its
	// end is missing, safefile.ErrTooLarge; where it is not there yet, fs.ErrNotExist.
	Text() (string, error)
	// Require ends the scenario, once the task has ended, if something else lies in its place.
	Require()
	// Whole reports whether it holds what the task prints as well.
	Whole() bool
}

// Received is the log of a task that comes through the channel "log".
func (c *Conversation) Received() TaskLog { return received{c.said["log"]} }

type received struct{ *record.Output }

func (r received) Text() (string, error) { return r.String(), nil }
func (received) Require()                {}
func (received) Whole() bool             { return false }

// requireWhole ends the scenario if a log was too large to be read to its end: a text
// of which the end is missing could hold what a check says is not there.
func (r *Run) requireWhole(err error) {
	if errors.Is(err, safefile.ErrTooLarge) {
		r.stage.broken("task log of %s: %v: no check of it can be trusted", r.label, err)
	}
}

// MaxKept is how many octets of one channel, or of a task log, a run keeps for its checks.
const MaxKept = record.MaxKept
