package wire

import (
	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
)

var supervisorSpeaksFirst = stage.Spec{
	Slug:     "supervisor-speaks-first",
	Says:     "a runner that says nothing is sent StartupDetails of its task under id 0, for the worker's own user and for alice",
	Verifies: []string{"WIRE-010.startup"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{stage.WorkerAccount, "alice"} {
			run := s.Start(stage.Task{As: user})
			run.Succeeds()
			ti := run.TI()
			s.Require("WIRE-010.startup").Equal("first frame, unasked", run.First(), puppet.First{
				ID: 0, Type: "StartupDetails", TI: ti.ID, DagID: ti.Dag, RunID: ti.Run, TaskID: ti.Task,
			})
		}
	}),
}
