package impersonation

import (
	"github.com/understudy-conformance/understudy/harness/stage"
)

var idsAndGroups = stage.Spec{
	Slug:     "ids-and-groups",
	Says:     "tasks of alice, carol and randomuser have exactly their users' uids, gids and supplementary groups",
	Verifies: []string{"IMP-004.uid", "IMP-004.gid", "IMP-004.groups"},
	Roles:    both,
	Run:      switches("IMP-004", stage.WorkerAccount),
}

var workerAsRoot = stage.Spec{
	Slug:     "worker-as-root",
	Says:     "a worker that runs as root switches to alice, carol and randomuser with all ids and groups, and to alice as the default",
	Verifies: []string{"IMP-032.uid", "IMP-032.gid", "IMP-032.groups"},
	Roles:    both,
	Run:      switches("IMP-032", "root"),
}

// switches requires of a worker that its tasks have all ids and groups of their users:
// alice, whose gid is not her uid and who is in two further groups; carol, who is in none;
// randomuser, whose own group is that of others as well; and alice, if nobody is named.
func switches(requirement, worker string) func(*stage.Stage) {
	return func(s *stage.Stage) {
		for _, c := range []struct{ as, user string }{{"alice", "alice"}, {"carol", "carol"}, {"randomuser", "randomuser"}, {"", "alice"}} {
			task := stage.Task{As: c.as, Worker: worker, Verbs: stage.Verbs(stage.WaitFor("here"))}
			if c.as == "" {
				task.Name, task.Settings = "default", defaultIs(c.user)
			}
			run := s.Start(task)
			p := s.Require(requirement+".uid").RunsAs(run, "here", c.user)
			hasGroups(s.Require(requirement+".gid"), s.Require(requirement+".groups"), run.Label(), p, s.Account(c.user))
			run.Release("here")
			run.Succeeds()
		}
	}
}

// arbitrary are uids under which containers run, and which no account has: one that some
// give by hand, and one of the range from which OpenShift takes them.
var arbitrary = []string{"61999", "1000680000"}

var workerWithoutEntry = stage.Spec{
	Slug:     "worker-without-entry",
	Says:     "a worker whose uid has no passwd entry runs a task that needs no switch",
	Verifies: []string{"IMP-030"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		for _, uid := range arbitrary {
			value := s.Nonce()
			run := s.Start(stage.Task{Name: "uid " + uid, Worker: uid, Verbs: stage.Verbs(stage.PushXCom("k", value))})
			s.Require("IMP-030").Success(run)
			s.Require("IMP-030").Equal("XCom of the task", run.Result("k"), value)
			runsAs("IMP-030", stage.Task{Name: "uid " + uid, Worker: uid}, uid)(s)
		}
	},
}
