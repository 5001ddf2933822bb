package stage

// Fails ends the scenario as a violation: for words of an area that find out more than
// one thing.
func (c Check) Fails(what, expected, actual string) { c.fails(what, expected, actual) }

// Must ends the scenario by a harness error if err is one: for what a scenario
// sets up beside the stage.
func (s *Stage) Must(err error) { s.must(err) }

// Finally makes the clean-up call f, after all processes of the case are gone;
// what was given last is called first.
func (s *Stage) Finally(f func() error) { s.undo = append(s.undo, f) }
