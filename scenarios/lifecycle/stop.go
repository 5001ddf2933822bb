package lifecycle

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/world"
)

// stopBudget is the time from the server's word to the end of the last process:
// one heartbeat, SIGTERM, the kill step of 5 s, SIGKILL, and as much again.
const stopBudget = 15 * time.Second

var inWorker = []role.Role{role.Worker}

var stoppedByTheServer = stage.Spec{
	Slug:     "stopped-by-the-server",
	Says:     "the server stops a task of alice that ignores SIGTERM and has a daemon: nothing of it is alive afterwards",
	Verifies: []string{"LIFE-005"},
	Roles:    inWorker,
	Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{As: "alice", Verbs: stubborn})
		s.Require("LIFE-005").RunsAs(run, "here", "alice")
		s.Require("LIFE-005").Lives("alice", "sleep")
		s.World.FailHeartbeats(409, notRunning)
		s.Require("LIFE-005").AllGone(stopBudget, "alice")
	},
}

var oneTerminalState = stage.Spec{
	Slug:     "one-terminal-state",
	Says:     "the server stops a task of alice that ignores SIGTERM: whatever states are sent are one and the same, and a late XCom is refused",
	Verifies: []string{"LIFE-028", "LIFE-020"},
	Roles:    inWorker,
	Budget:   120 * time.Second,
	Run: func(s *stage.Stage) {
		s.Start(stage.Task{As: "alice", Name: "control", Verbs: stage.Verbs(stage.PushXCom("late", s.Nonce()))}).Succeeds()
		s.Require("LIFE-020").Equal("control: XComs pushed by a task that is not stopped", len(s.Stored("late")), 1)

		run := s.Start(stage.Task{
			As: "alice", Verbs: append(stubborn[:len(stubborn):len(stubborn)], stage.PushXCom("late", s.Nonce())),
		})
		s.Require("LIFE-028").RunsAs(run, "here", "alice")
		s.World.FailHeartbeats(409, notRunning)
		run.EndsWithin(stopBudget)
		run.Release("here") // a task that survived goes on and says that it succeeded
		s.Gone(stopBudget, "alice")
		e := run.EndWithin(60 * time.Second)
		for _, terminal := range e.Terminals {
			s.Require("LIFE-028").Equal("terminal state after the first", terminal.State, e.Terminals[0].State)
		}
		s.Require("LIFE-020").Equal("XComs stored, none of them pushed after the stop", len(s.Stored("late")), 1)
	},
}

var stoppedWithoutAWord = stage.Spec{
	Slug:     "stopped-without-a-word",
	Says:     "a heartbeat is answered 404, 409 or 410: the task ends, and no state is sent",
	Verifies: []string{"LIFE-009"},
	Alone: worker.Script(func(s *worker.Stage) {
		control := s.Start(stage.Task{})
		control.Succeeds()
		s.Require("LIFE-009").True("control: state calls of a task that succeeds are seen", len(control.StateCalls()) > 0, "a state call", "none")

		var runs []*worker.Run
		for _, status := range []int{404, 409, 410} {
			run := s.Start(stage.Task{Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))})
			s.Require("LIFE-009").RunsAs(run, "here", stage.WorkerAccount)
			run.Beats(1)
			s.World.Inject(world.Fault{Path: "task-instances/" + run.TI().ID + "/heartbeat", Status: status, Detail: notRunning})
			runs = append(runs, run)
		}
		for _, run := range runs {
			run.End()
			s.Require("LIFE-009").Empty("state calls for a task that the server stopped", run.StateCalls()...)
		}
		s.Require("LIFE-009").AllGone(stopBudget, stage.WorkerAccount)
	}),
}

// stubborn ignores SIGTERM, leaves a daemon behind and waits.
var stubborn = stage.Verbs(stage.IgnoreSIGTERM(), stage.Daemonise("sleep", "600"), stage.WaitFor("here"))

var notRunning = map[string]any{"reason": "not_running", "message": "TI is no longer in the running state", "current_state": "failed"}
