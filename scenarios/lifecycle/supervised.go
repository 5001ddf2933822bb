package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/world"
)

var stoppedWithItsFamily = stage.Spec{
	Slug:     "stopped-with-its-family",
	Says:     "the server stops a task whose runner notes SIGTERM and stays, beside a child and a daemon, alice's and then the worker's own: SIGTERM comes first, then the grace passes, then nothing of it is alive",
	Verifies: []string{"LIFE-005.left-of-another", "LIFE-005.left", "LIFE-005.term", "LIFE-005.delay"},
	Budget:   longBudget,
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, of := range []struct{ user, clause string }{{"alice", "LIFE-005.left-of-another"}, {stage.WorkerAccount, "LIFE-005.left"}} {
			run := s.Start(stage.Task{As: of.user}, supervisor.NoteSIGTERM(), supervisor.Do(stage.Spawn("sleep", "600")),
				supervisor.Do(stage.Daemonise("sleep", "601")), supervisor.Do(stage.WaitFor("here")))
			task := s.Require(of.clause).RunsAs(run, "here", of.user)
			s.Require(of.clause).Lives(of.user, "sleep")
			said := stop(s.Stage, run.Run, 409)
			allOver(s.Stage, of.clause, task)
			s.Require(of.clause).AllGone(s.Stretched(around), of.user)
			s.Require("LIFE-005.term").True("signals that the runner of "+of.user+" noted before its end", slices.Contains(run.Notes(), "SIGTERM"),
				"SIGTERM", strings.Join(run.Notes(), ", "))
			hasItsGrace(s.Stage, "LIFE-005.delay", run.Run, task, said)
		}
	}),
}

var refusedAtTheStart = stage.Spec{
	Slug:     "refused-at-the-start",
	Says:     "the server refuses the start of a task of alice: its runner is sent nothing and ends, and no state is told",
	Verifies: []string{"LIFE-002.refused"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		control := s.Start(stage.Task{Name: "control"})
		control.Succeeds()
		s.Require("LIFE-002.refused").Equal("control: notes of a runner whose start is accepted", control.Notes(), []string{"startup"})

		s.World.Inject(world.Fault{Method: "PATCH", Path: "task-instances/*/run", Status: 409, Detail: map[string]any{
			"reason": "invalid_state", "message": "TI was not in a state where it could be marked as running", "previous_state": "failed",
		}})
		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.PushXCom("ran", true))})
		run.End()
		refused := slices.ContainsFunc(s.World.Requests(), func(r world.Request) bool {
			return r.Path == "task-instances/"+run.TI().ID+"/run" && r.Status == 409
		})
		s.Require("LIFE-002.refused").True("control: the supervisor asked for the start and was refused", refused, "a call of /run, answered 409", "none")
		s.Require("LIFE-002.refused").Equal("frames that reached the runner of a task that was refused", run.Notes(), []string{})
		s.Require("LIFE-002.refused").NoUserCode(run.Run.Run)
		s.Require("LIFE-002.refused").AllGone(s.Stretched(around), stage.WorkerAccount)
		s.Require("LIFE-002.refused").Empty("state calls for a task that was refused", run.StateCalls()...)
	}),
}

var onlyTheStoppedTaskEnds = stage.Spec{
	Slug:     "only-the-stopped-task-ends",
	Says:     "heartbeats of two tasks come, and the server stops one of them: it ends, and the other one goes on and succeeds",
	Verifies: []string{"LIFE-009.stops", "LIFE-008.interval"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		other := s.Start(stage.Task{Name: "other", Verbs: stage.Verbs(stage.WaitFor("here"))})
		other.At("here")
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))})
		run.At("here")
		seen := len(other.TI().Heartbeats)
		run.Beats(3)
		s.Require("LIFE-008.interval").True("heartbeats of a task while another one sends three", len(other.TI().Heartbeats) >= seen+2,
			"at least two", fmt.Sprint(len(other.TI().Heartbeats)-seen))
		s.World.Inject(world.Fault{Path: "task-instances/" + run.TI().ID + "/heartbeat", Status: 409, Detail: notRunning})
		run.EndWithin(s.Grace() + stage.DefaultPatience)
		other.Beats(len(other.TI().Heartbeats) + 2)
		other.Release("here")
		other.Succeeds()
		s.Require("LIFE-009.stops").Equal("states told of the task that nobody stopped", states(other), []string{"success"})
	}),
}
