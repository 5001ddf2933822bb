package lifecycle

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/world"
)

// around is what comes to the grace between the server's word and the end of the last
// process: one heartbeat, SIGTERM, SIGKILL, and as much as the shortest grace again.
const around = 10 * time.Second

// stopped is the time from the server's word to the end of the last process. The grace
// is the release's own: only what is around it takes longer in a slow implementation.
func stopped(s *stage.Stage) time.Duration {
	limit := s.Grace() + s.Stretched(around)
	s.Step(fmt.Sprintf("the task is stopped: the grace between SIGTERM and SIGKILL is %v, and after %v it is over", s.Grace(), limit))
	return limit
}

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
		s.Require("LIFE-005").AllGone(stopped(s), "alice")
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
			As: "alice", Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"), stage.PushXCom("late", s.Nonce())),
		})
		s.Require("LIFE-028").RunsAs(run, "here", "alice")
		s.World.FailHeartbeats(409, notRunning)
		run.EndsWithin(s.Grace() + around)
		run.Release("here") // a task that survived goes on and says that it succeeded
		s.Gone(stopped(s), "alice")
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
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		control := s.Start(stage.Task{})
		control.Succeeds()
		s.Require("LIFE-009").True("control: state calls of a task that succeeds are seen", len(control.StateCalls()) > 0, "a state call", "none")

		var runs []*worker.Run
		for _, status := range world.Stops(s.World.Shape()) {
			run, _ := stoppedBy(s, "LIFE-009", status)
			runs = append(runs, run)
		}
		for _, run := range runs {
			run.EndWithin(s.Grace() + stage.DefaultPatience)
			s.Require("LIFE-009").Empty("state calls for a task that the server stopped", run.StateCalls()...)
		}
		s.Require("LIFE-009").AllGone(stopped(s.Stage), stage.WorkerAccount)
	}),
}

var stoppedAndAcknowledged = stage.Spec{
	Slug:     "stopped-and-acknowledged",
	Says:     "a heartbeat is answered 404, 409 or 410: the task ends, and after that the server is told server_terminated from where it ran, and nothing else",
	Verifies: []string{"LIFE-029"},
	Alone: worker.Script(func(s *worker.Stage) {
		var runs []*worker.Run
		var tasks []proc.Process
		for _, status := range world.Stops(s.World.Shape()) {
			run, task := stoppedBy(s, "LIFE-029", status)
			runs, tasks = append(runs, run), append(tasks, task)
			s.World.SetState(run.TI().ID, "failed") // whatever the heartbeats are answered
		}
		for i, run := range runs {
			run.EndWithin(s.Grace() + stage.DefaultPatience)
			ti := run.TI()
			var told []map[string]any
			for _, report := range ti.Reports {
				told = append(told, map[string]any{"state": report.State, "hostname": report.Body["hostname"], "pid": report.Body["pid"], "status": report.Status})
				s.Require("LIFE-029").True("a state that is told once the process of the task has ended", !report.At.Before(run.LastSeen(tasks[i])),
					"a state after the end of the process", fmt.Sprintf("%s at %s, while process %d lived", report.State, report.At.Format(time.RFC3339Nano), tasks[i].PID))
			}
			s.Require("LIFE-029").Equal("states told of a task that the server stopped", told,
				[]map[string]any{{"state": world.StateServerTerminated, "hostname": ti.Hostname, "pid": ti.PID, "status": 204}})
		}
		s.Require("LIFE-029").AllGone(stopped(s.Stage), stage.WorkerAccount)
	}),
}

// stoppedBy starts a task that ignores SIGTERM, and has its heartbeats answered like
// that once it has sent one. It returns the run and the process of the task.
func stoppedBy(s *worker.Stage, requirement string, status int) (*worker.Run, proc.Process) {
	run := s.Start(stage.Task{Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))})
	task := s.Require(requirement).RunsAs(run, "here", stage.WorkerAccount)
	run.Beats(1)
	s.World.Inject(world.Fault{Path: "task-instances/" + run.TI().ID + "/heartbeat", Status: status, Detail: notRunning})
	return run, task
}

// stubborn ignores SIGTERM, leaves a daemon behind and waits.
var stubborn = stage.Verbs(stage.IgnoreSIGTERM(), stage.Daemonise("sleep", "600"), stage.WaitFor("here"))

var notRunning = map[string]any{"reason": "not_running", "message": "TI is no longer in the running state", "current_state": "failed"}
