package stage

// Bounds of the journal.
const (
	MaxText   = maxText
	MaxEvents = maxEvents
)

// Within is within.
func (s *Stage) Within() {
	s.within(1<<40, "a thing that does not come", nil, func() string { return "nothing" })
}
