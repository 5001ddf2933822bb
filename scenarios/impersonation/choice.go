package impersonation

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var both = []role.Role{role.Runner, role.Worker}

var taskOverDefault = stage.Spec{
	Slug:     "task-over-default",
	Says:     "a task with run_as_user randomuser runs as randomuser, though default_impersonation is airflowuser",
	Verifies: []string{"IMP-034"},
	Roles:    both,
	Run: runsAs("IMP-034", stage.Task{
		As: "randomuser", Settings: map[string]string{"core.default_impersonation": "airflowuser"},
	}, "randomuser"),
}

var defaultAlone = stage.Spec{
	Slug:     "default-alone",
	Says:     "a task without run_as_user runs as default_impersonation, airflowuser",
	Verifies: []string{"IMP-034"},
	Roles:    both,
	Run: runsAs("IMP-034", stage.Task{
		Settings: map[string]string{"core.default_impersonation": "airflowuser"},
	}, "airflowuser"),
}

var taskDefaultOrNeither = stage.Spec{
	Slug:     "task-default-or-neither",
	Says:     "run_as_user alice is followed, without it default_impersonation bob, and without either a task runs as the worker's own user",
	Verifies: []string{"IMP-001"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		defaultBob := map[string]string{"core.default_impersonation": "bob"}
		runsAs("IMP-001", stage.Task{As: "alice", Settings: defaultBob}, "alice")(s)
		runsAs("IMP-001", stage.Task{Settings: defaultBob}, "bob")(s)
		runsAs("IMP-001", stage.Task{}, stage.WorkerAccount)(s)
	},
}

var ownUserWithoutSudo = stage.Spec{
	Slug:     "own-user-without-sudo",
	Says:     "run_as_user names the worker's own user: no sudo, no error, though default_impersonation is alice",
	Verifies: []string{"IMP-003"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		defaultAlice := map[string]string{"core.default_impersonation": "alice"}
		alice := s.Start(stage.Task{Settings: defaultAlice, Verbs: stage.Verbs(stage.WaitFor("here"))})
		s.Require("IMP-003").RunsAs(alice, "here", "alice")
		if !ranSudo(alice) {
			s.CouldNotRun("no sudo process was seen for alice either, so its absence would prove nothing")
		}
		alice.Release("here")
		alice.Succeeds()

		own := s.Start(stage.Task{As: stage.WorkerAccount, Settings: defaultAlice, Verbs: stage.Verbs(stage.WaitFor("here"))})
		s.Require("IMP-003").RunsAs(own, "here", stage.WorkerAccount)
		s.Require("IMP-003").True("sudo for the worker's own user", !ranSudo(own), "no sudo process", "a sudo process among those of the run")
		own.Release("here")
		own.Succeeds()
	},
}

var userVariablesLie = stage.Spec{
	Slug:     "user-variables-lie",
	Says:     "LOGNAME and USER say alice in the worker's environment, and a task of alice is switched all the same",
	Verifies: []string{"IMP-002"},
	Roles:    both,
	Run: runsAs("IMP-002", stage.Task{
		As: "alice", Env: map[string]string{"LOGNAME": "alice", "USER": "alice", "LNAME": "alice", "USERNAME": "alice"},
	}, "alice"),
}

var markersInEnvironment = stage.Spec{
	Slug:     "markers-in-environment",
	Says:     "the marker of a second start is in the worker's environment, and a task of alice is switched all the same",
	Verifies: []string{"IMP-005"},
	Roles:    both,
	Run: runsAs("IMP-005", stage.Task{
		As: "alice", Env: map[string]string{"_AIRFLOW__REEXECUTED_PROCESS": "1"},
	}, "alice"),
}

var workerAsRoot = stage.Spec{
	Slug:     "worker-as-root",
	Says:     "a worker that runs as root switches to alice with all ids and groups",
	Verifies: []string{"IMP-032"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{As: "alice", Worker: "root", Verbs: stage.Verbs(stage.WaitFor("here"))})
		hasGroups(s.Require("IMP-032"), s.Require("IMP-032").RunsAs(run, "here", "alice"), s.Account("alice"))
		run.Release("here")
		run.Succeeds()
	},
}

var workerWithoutEntry = stage.Spec{
	Slug:     "worker-without-entry",
	Says:     "a worker whose uid has no passwd entry runs a task that needs no switch",
	Verifies: []string{"IMP-030"},
	Roles:    []role.Role{role.Runner},
	Run: func(s *stage.Stage) {
		value := s.Nonce()
		run := s.Start(stage.Task{Worker: "61999", Verbs: stage.Verbs(stage.PushXCom("k", value))})
		run.Succeeds()
		s.Require("IMP-030").Equal("XCom of the task", run.Result("k"), value)
	},
}
