package stage

import "github.com/understudy-conformance/understudy/harness/account"

// WorkerAccount runs the implementation unless a Task says otherwise.
const WorkerAccount = account.Worker

// UID returns the user id of a fixture account or of root.
func (s *Stage) UID(name string) int { return s.Account(name).UID }

// Account returns a fixture account or root.
func (s *Stage) Account(name string) account.Account {
	a, err := account.Find(name)
	s.must(err)
	return a
}
