package impersonation

import (
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// cause matches what a program may say about a user that does not exist.
const cause = `(?i)unknown user|no such user|not found|does not exist|no account|unknown account|no passwd entry`

var unknownUser = stage.Spec{
	Slug:     "unknown-user",
	Says:     "run_as_user is ghost, who does not exist: the task fails, the log says so, and none of its code ran",
	Verifies: []string{"IMP-006"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		verbs := stage.Verbs(stage.PushXCom("ran", s.Nonce()))
		control := s.Start(stage.Task{Verbs: verbs})
		control.Succeeds()
		s.Require("IMP-006").True("control: the same code of the worker's own user runs", control.Pushed("ran"), "an XCom", "none")

		ghost := s.Start(stage.Task{As: "ghost", Verbs: verbs})
		e := ghost.Fails()
		s.Require("IMP-006").NoUserCode(ghost)
		s.Require("IMP-006").LineWith("log of the task of ghost", e.Log, stage.Name("ghost"), cause)
	},
}

var policyForbids = stage.Spec{
	Slug:     "policy-forbids",
	Says:     "sudo allows the worker to become bob only: a task of bob runs as bob, one of alice fails with sudo's cause, and none of its code ran",
	Verifies: []string{"IMP-006"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		policy(s, strings.Replace(account.Sudoers, "airflow\tALL=(ALL:ALL)", "airflow\tALL=(bob)", 1))
		verbs := stage.Verbs(stage.PushXCom("ran", s.Nonce()), stage.WaitFor("here"))
		bob := s.Start(stage.Task{As: "bob", Verbs: verbs})
		s.Require("IMP-006").RunsAs(bob, "here", "bob")
		bob.Release("here")
		bob.Succeeds()

		alice := s.Start(stage.Task{As: "alice", Verbs: verbs})
		e := alice.Fails()
		s.Require("IMP-006").NoUserCode(alice)
		s.Require("IMP-006").Matches("user in the log of the task", e.Log, stage.Name("alice"))
		s.Require("IMP-006").Matches("cause in the log of the task", e.Log, `(?i)password is required|not allowed|not permitted`)
	},
}

var namesThatAreNoNames = stage.Spec{
	Slug:     "names-that-are-no-names",
	Says:     "a user given as a number, as an option of sudo or in two lines is refused by name, and no code of the task ran",
	Verifies: []string{"IMP-027"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		runsAs("IMP-027", stage.Task{Settings: map[string]string{"core.default_impersonation": "alice"}}, "alice")(s)
		for _, c := range []struct{ name, pattern string }{{"#61002", `#61002`}, {"-ualice", `-ualice`}, {"alice\nroot", `(?s)alice.{1,4}root`}} {
			run := s.Start(stage.Task{
				Settings: map[string]string{"core.default_impersonation": c.name}, Verbs: stage.Verbs(stage.PushXCom("ran", s.Nonce())),
			})
			e := run.Fails()
			s.Require("IMP-027").NoUserCode(run)
			s.Require("IMP-027").Matches("log of the task", e.Log, c.pattern)
		}
	},
}
