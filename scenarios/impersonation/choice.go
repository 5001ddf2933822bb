package impersonation

import (
	"fmt"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var both = []role.Role{role.Runner, role.Worker}

// defaultUser is the option by which tasks that name nobody get a user.
const defaultUser = "core.default_impersonation"

// defaultIs is the default user as a setting of the environment, defaultInFile in the
// worker's configuration file, over which the environment wins.
func defaultIs(user string) map[string]string { return map[string]string{defaultUser: user} }

func defaultInFile(user string) *stage.ConfigFile {
	return &stage.ConfigFile{Settings: defaultIs(user)}
}

var taskOverDefault = stage.Spec{
	Slug:     "task-over-default",
	Says:     "a task with run_as_user randomuser runs as randomuser, though default_impersonation is airflowuser",
	Verifies: []string{"IMP-034.task"},
	Roles:    both,
	Run: runsAs("IMP-034.task", stage.Task{
		As: "randomuser", Settings: map[string]string{"core.default_impersonation": "airflowuser"},
	}, "randomuser"),
}

var defaultAlone = stage.Spec{
	Slug:     "default-alone",
	Says:     "a task without run_as_user runs as default_impersonation, airflowuser",
	Verifies: []string{"IMP-034.default"},
	Roles:    both,
	Run: runsAs("IMP-034.default", stage.Task{
		Settings: map[string]string{"core.default_impersonation": "airflowuser"},
	}, "airflowuser"),
}

var taskDefaultOrNeither = stage.Spec{
	Slug:     "task-default-or-neither",
	Says:     "run_as_user alice is followed, without it default_impersonation bob, and without either a task runs as the worker's own user",
	Verifies: []string{"IMP-001.task", "IMP-001.default", "IMP-001.neither"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		runsAs("IMP-001.task", stage.Task{As: "alice", Settings: defaultIs("bob")}, "alice")(s)
		runsAs("IMP-001.default", stage.Task{Settings: defaultIs("bob")}, "bob")(s)
		runsAs("IMP-001.neither", stage.Task{}, stage.WorkerAccount)(s)
	},
}

var taskOverEachDefault = stage.Spec{
	Slug:     "task-over-each-default",
	Says:     "run_as_user is followed over a default in the file, in file and environment, and over one that is the worker or nobody at all",
	Verifies: []string{"IMP-001.task"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		runsAs("IMP-001.task", stage.Task{Name: "file", As: "alice", File: defaultInFile("bob")}, "alice")(s)
		runsAs("IMP-001.task", stage.Task{Name: "both", As: "carol", File: defaultInFile("bob"), Settings: defaultIs("alice")}, "carol")(s)
		runsAs("IMP-001.task", stage.Task{Name: "worker", As: "bob", Settings: defaultIs(stage.WorkerAccount)}, "bob")(s)
		runsAs("IMP-001.task", stage.Task{Name: "nobody", As: "randomuser", Settings: defaultIs("ghost")}, "randomuser")(s)
	},
}

var emptyIsNobody = stage.Spec{
	Slug:     "empty-is-nobody",
	Says:     "an empty run_as_user is none, with a default in the environment or the file, and an empty default is none, too",
	Verifies: []string{"IMP-001.default", "IMP-001.neither"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		runsAs("IMP-001.default", stage.Task{Name: "environment", As: "empty", Settings: defaultIs("alice")}, "alice")(s)
		runsAs("IMP-001.default", stage.Task{Name: "file", As: "empty", File: defaultInFile("bob")}, "bob")(s)
		runsAs("IMP-001.default", stage.Task{Name: "absent", File: defaultInFile("carol")}, "carol")(s)
		runsAs("IMP-001.neither", stage.Task{Name: "empty", As: "empty", File: defaultInFile("")}, stage.WorkerAccount)(s)
		runsAs("IMP-001.neither", stage.Task{Name: "empty default", Settings: defaultIs("")}, stage.WorkerAccount)(s)
	},
}

var ownUserWithoutSudo = stage.Spec{
	Slug:     "own-user-without-sudo",
	Says:     "run_as_user names the worker's own user: no sudo, no error, though default_impersonation is alice or nobody at all",
	Verifies: []string{"IMP-003.no-error", "IMP-003.no-sudo"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		calls := sudoCalls(s)
		for _, own := range []stage.Task{
			{Name: "alone"}, {Name: "default", Settings: defaultIs("alice")}, {Name: "file", File: defaultInFile("ghost")},
		} {
			own.As, own.Verbs = stage.WorkerAccount, stage.Verbs(stage.WaitFor("here"))
			run := s.Start(own)
			if run.AtOrEnded("here") {
				s.Require("IMP-003.no-error").RunsAs(run, "here", stage.WorkerAccount)
			}
			run.Release("here")
			s.Require("IMP-003.no-error").Success(run)
		}
		notCalled(s, s.Require("IMP-003.no-sudo"), calls)
	},
}

// sudoCalls begins to count how often sudo is called, however short each call is.
func sudoCalls(s *stage.Stage) *proc.Calls {
	calls, err := proc.WatchCalls("sudo", filepath.SplitList(account.SearchPath))
	s.Must(err)
	s.Finally(calls.Close)
	return calls
}

// notCalled requires that sudo was not called, and then that a switch would have been seen.
func notCalled(s *stage.Stage, c stage.Check, calls *proc.Calls) {
	n, err := calls.Count()
	s.Must(err)
	c.True("calls of sudo for the worker's own user", n == 0, "none", fmt.Sprintf("%d, by what runs as %s", n, stage.WorkerAccount))
	alice, _ := switched(s, c, stage.Task{As: "alice"})
	if n, err = calls.Count(); n == 0 && err == nil {
		s.CouldNotRun("sudo was not called for alice either, so that it was not before proves nothing")
	}
	s.Must(err)
	alice.Release("here")
	alice.Succeeds()
}

var userVariablesLie = stage.Spec{
	Slug:     "user-variables-lie",
	Says:     "LOGNAME and USER name the target in the environment of the worker, which has an account of its own or is root, and the task is switched all the same",
	Verifies: []string{"IMP-002.target"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		for _, worker := range []string{stage.WorkerAccount, "root"} {
			for _, user := range []string{"alice", "carol"} {
				task := stage.Task{Name: user + " of " + worker, As: user, Worker: worker, Env: claims(s, user)}
				runsAs("IMP-002.target", task, user)(s)
			}
		}
	},
}

// claims are variables by which a process says that it is that user.
func claims(s *stage.Stage, user string) map[string]string {
	a := s.Account(user)
	return map[string]string{
		"LOGNAME": user, "USER": user, "LNAME": user, "USERNAME": user, "UID": fmt.Sprint(a.UID), "EUID": fmt.Sprint(a.UID), "HOME": a.Home,
	}
}

var ownUserUnderAnotherName = stage.Spec{
	Slug:     "own-user-under-another-name",
	Says:     "the variables name bob or are absent, or the account has another name and the worker's uid: it is the worker's own user, and sudo is not called",
	Verifies: []string{"IMP-002.own", "IMP-002.number"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		calls := sudoCalls(s)
		variables := claims(s, "bob")
		delete(variables, "HOME") // bob's is closed to the worker
		runsAs("IMP-002.own", stage.Task{As: stage.WorkerAccount, Name: "bob's variables", Env: variables}, stage.WorkerAccount)(s)
		runsAs("IMP-002.own", stage.Task{
			As: stage.WorkerAccount, Name: "no variables", Without: []string{"LOGNAME", "USER"},
		}, stage.WorkerAccount)(s)
		notCalled(s, s.Require("IMP-002.own"), calls)

		s.File("/etc/passwd", "root", 0o644, s.Text("/etc/passwd")+fmt.Sprintf("double:x:%d:61100::/home/double:/bin/sh\n", s.UID(stage.WorkerAccount)))
		calls = sudoCalls(s)
		runsAs("IMP-002.number", stage.Task{Name: "double", Settings: defaultIs("double")}, stage.WorkerAccount)(s)
		notCalled(s, s.Require("IMP-002.number"), calls)
	},
}
