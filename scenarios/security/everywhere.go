package security

import (
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// Scenarios with the slug plan.Everywhere are violated by what was seen in any case of their
// role, see stage.Check.Everywhere. Their own tasks make sure that there was something to see.

var tokenEverywhere = stage.Spec{
	Slug:     plan.Everywhere,
	Says:     "neither here nor in any other case of the role does a token stand in the environment or arguments of a process, or in a file that a task can read",
	Verifies: []string{"SEC-001.environment", "SEC-001.arguments", "SEC-001.file"},
	Roles:    []role.Role{role.Supervisor, role.Worker},
	Run: func(s *stage.Stage) {
		twoTasks(s)
		for _, clause := range []string{"SEC-001.environment", "SEC-001.arguments", "SEC-001.file"} {
			s.Require(clause).Everywhere("where the token was seen")
		}
	},
}

var startupDataEverywhere = stage.Spec{
	Slug:     plan.Everywhere,
	Says:     "neither here nor in any other case of the role does startup data stand where another user, or another task of the same one, can read it",
	Verifies: []string{"SEC-004.other-users", "SEC-004.same-user"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		twoTasks(s)
		for _, clause := range []string{"SEC-004.other-users", "SEC-004.same-user"} {
			s.Require(clause).Everywhere("where startup data was seen")
		}
	},
}

var secretsInLogsEverywhere = stage.Spec{
	Slug:     plan.Everywhere,
	Says:     "neither here nor in any other case of the role does a token, a password or another secret stand in a log",
	Verifies: []string{"SEC-011.logs"},
	Roles:    role.All(),
	Run: func(s *stage.Stage) {
		twoTasks(s)
		s.Require("SEC-011.logs").Everywhere("logs with a secret in them")
	},
}

// twoTasks plays a task of the worker's own user and one of alice at the same time.
func twoTasks(s *stage.Stage) {
	own := s.Start(stage.Task{Verbs: stage.Verbs(stage.WaitFor("here"))})
	alice := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.WaitFor("here"))})
	for _, run := range []*stage.Run{own, alice} {
		run.At("here")
	}
	for _, run := range []*stage.Run{own, alice} {
		run.Release("here")
		run.Succeeds()
	}
}
