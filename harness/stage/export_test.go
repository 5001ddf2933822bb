package stage

import (
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/record"
)

// Bounds of the journal.
const (
	MaxText   = record.MaxText
	MaxEvents = record.MaxEvents
)

// Alive is alive.
func (s *Stage) Alive(user string) []proc.Process { return s.alive(user) }

// Within is within.
func (s *Stage) Within() {
	s.within(1<<40, "a thing that does not come", nil, func() string { return "nothing" })
}
