package impersonation

import (
	"github.com/understudy-conformance/understudy/harness/stage"
)

var rootRefused = stage.Spec{
	Slug:     "root-refused",
	Says:     "run_as_user or default_impersonation is root, and the worker has an account of its own or is root: refused, and no code of the task ran",
	Verifies: []string{"IMP-026.name"},
	Roles:    both,
	Run:      refuses("IMP-026.name", "root"),
}

var secondRootRefused = stage.Spec{
	Slug:     "second-root-refused",
	Says:     "run_as_user or default_impersonation is toor, whose uid is 0, and the worker has an account of its own or is root: refused, and no code of the task ran",
	Verifies: []string{"IMP-026.uid"},
	Roles:    both,
	Run:      refuses("IMP-026.uid", "toor"),
}

// refuses requires that each kind of worker refuses an account that is root, whether the
// task names it or the settings do, and says so; and that it does run a task of alice.
func refuses(clause, name string) func(*stage.Stage) {
	return func(s *stage.Stage) {
		c, verbs := s.Require(clause), stage.Verbs(stage.PushXCom("ran", s.Nonce()))
		for _, worker := range []string{stage.WorkerAccount, "root"} {
			alice, _ := switched(s, c, stage.Task{As: "alice", Name: "alice of " + worker, Worker: worker, Verbs: verbs})
			alice.Release("here")
			alice.Succeeds()
			for _, task := range []stage.Task{
				{Name: name + " of " + worker, As: name, Worker: worker, Verbs: verbs},
				{Name: "default " + name + " of " + worker, Settings: defaultIs(name), Worker: worker, Verbs: verbs},
			} {
				run := s.Start(task)
				e := c.Failure(run)
				c.NoUserCode(run)
				c.LineWith("log of "+task.Name, e.Log, stage.Name(name), `(?i)refuse|not allowed|forbid|denied|reject`)
			}
		}
	}
}
