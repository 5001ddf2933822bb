package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/protocol/message"
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

var longBudget = 120 * time.Second

var stoppedByTheServer = stage.Spec{
	Slug:     "stopped-by-the-server",
	Says:     "the server stops a task that ignores SIGTERM and has a daemon, alice's and then the worker's own: it has its grace, and nothing of it is alive afterwards",
	Verifies: []string{"LIFE-005.left-of-another", "LIFE-005.left", "LIFE-005.delay"},
	Budget:   longBudget,
	Alone: worker.Script(func(s *worker.Stage) {
		for _, of := range []struct{ user, clause string }{{"alice", "LIFE-005.left-of-another"}, {stage.WorkerAccount, "LIFE-005.left"}} {
			run := s.Start(stage.Task{As: of.user, Verbs: stubborn})
			task := s.Require(of.clause).RunsAs(run, "here", of.user)
			daemon := s.Require(of.clause).Lives(of.user, "sleep")
			said := stop(s, run, 409)
			allOver(s, of.clause, task, daemon)
			s.Require(of.clause).AllGone(s.Stretched(around), of.user)
			hasItsGrace(s, "LIFE-005.delay", run, task, said)
		}
	}),
}

var stoppedByTwoSignals = stage.Spec{
	Slug:     "stopped-by-two-signals",
	Says:     "the server stops a runner: one that obeys SIGTERM ends at once, one that ignores it has its grace and is killed then",
	Verifies: []string{"LIFE-005.term", "LIFE-005.delay", "LIFE-005.left"},
	Budget:   longBudget,
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{stage.WorkerAccount, "alice"} {
			obeys := s.Start(stage.Task{As: user, Name: "obedient", Verbs: stage.Verbs(stage.WaitFor("here"))})
			task := s.Require("LIFE-005.term").RunsAs(obeys, "here", user)
			stop(s.Stage, obeys.Run, 409)
			s.Require("LIFE-005.term").Empty("runners that live half of the grace after the stop, though SIGTERM ends them", s.Over(s.Grace()/2, task)...)

			ignores := s.Start(stage.Task{As: user, Name: "stubborn", Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))})
			task = s.Require("LIFE-005.delay").RunsAs(ignores, "here", user)
			said := stop(s.Stage, ignores.Run, 409)
			allOver(s.Stage, "LIFE-005.left", task)
			hasItsGrace(s.Stage, "LIFE-005.delay", ignores.Run, task, said)
		}
	}),
}

// allOver requires that none of the processes of a task lives when a stop is over.
func allOver(s *worker.Stage, clause string, processes ...proc.Process) {
	s.Require(clause).Empty("processes of the task that the server stopped", s.Over(stopped(s.Stage), processes...)...)
}

// hasItsGrace requires that a process that ignores SIGTERM was not killed at once. Half
// the grace is enough: when the supervisor heard of the stop, nobody can see exactly.
func hasItsGrace(s *worker.Stage, clause string, run *worker.Run, task proc.Process, said time.Time) {
	lived := run.LastSeen(task).Sub(said)
	s.Require(clause).True("time that "+run.Label()+" lives on after the stop, ignoring SIGTERM", lived >= s.Grace()/2,
		fmt.Sprintf("at least half of the grace of %v", s.Grace()), lived.String())
}

// stop has one heartbeat of a run answered like that and returns when it was: a program
// that takes it for a failure like any other goes on.
func stop(s *worker.Stage, run *worker.Run, status int) time.Time {
	s.World.Inject(world.Fault{Path: "task-instances/" + run.TI().ID + "/heartbeat", Status: status, Detail: notRunning, Times: 1})
	return run.BeatAnswered(status).At
}

var oneTerminalState = stage.Spec{
	Slug:     "one-terminal-state",
	Says:     "the server stops a task of alice that ignores SIGTERM: a late XCom is refused, and whatever states are sent are one and the same",
	Verifies: []string{"LIFE-028", "LIFE-020.no-call"},
	Roles:    []role.Role{role.Worker},
	Budget:   longBudget,
	Run: func(s *stage.Stage) {
		s.Start(stage.Task{As: "alice", Name: "control", Verbs: stage.Verbs(stage.PushXCom("late", s.Nonce()))}).Succeeds()
		s.Require("LIFE-020.no-call").Equal("control: XComs pushed by a task that is not stopped", len(s.Stored("late")), 1)

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
		s.Require("LIFE-028").True("different states told", true, "none, or one", "") // as the loop has found
		s.Require("LIFE-020.no-call").Equal("XComs stored, none of them pushed after the stop", len(s.Stored("late")), 1)
	},
}

var nothingPassesInTheGrace = stage.Spec{
	Slug:     "nothing-passes-in-the-grace",
	Says:     "between the stop order and SIGKILL a runner pushes an XCom and says that it succeeded: it is answered by errors, and the API is not asked",
	Verifies: []string{"LIFE-020.error", "LIFE-020.no-call"},
	Budget:   longBudget,
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			key := "late-" + s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))}, supervisor.Push(key, true).Noted("XCom"),
				supervisor.Ask(&message.SucceedTask{EndDate: message.At(time.Now())}).Noted("success"), supervisor.Do(stage.Exit(1)))
			run.At("here")
			stop(s.Stage, run.Run, 409)
			s.Over(s.Grace()/4, run.At("here")) // the supervisor has heard of it by then
			run.Release("here")
			run.EndWithin(s.Grace() + stage.DefaultPatience)
			for _, asked := range []string{"XCom", "success"} {
				answer, _ := run.Noted(asked).(map[string]any)
				s.Require("LIFE-020.error").True("answer to the late "+asked+" of "+run.Label(), answer["error"] != nil, "an error", fmt.Sprint(answer))
			}
			s.Require("LIFE-020.no-call").Equal("XComs stored that "+run.Label()+" pushed after the stop", len(s.Stored(key)), 0)
			s.Require("LIFE-020.no-call").True("success told of "+run.Label()+" after the stop", !strings.Contains(fmt.Sprint(states(run)), "success"),
				"no success", fmt.Sprint(states(run)))
		}
	}),
}

var stoppedWithoutAWord = stage.Spec{
	Slug:     "stopped-without-a-word",
	Says:     "a heartbeat is answered 404, 409 or 410: the task ends, and no state is sent, not even the success that it reports in its grace",
	Verifies: []string{"LIFE-009.stops", "LIFE-009.no-state"},
	Budget:   longBudget,
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		control := s.Start(stage.Task{})
		control.Succeeds()
		s.Require("LIFE-009.no-state").True("control: state calls of a task that succeeds are seen", len(control.StateCalls()) > 0, "a state call", "none")

		var runs []*worker.Run
		var tasks []proc.Process
		for _, status := range world.Stops(s.World.Shape()) {
			run, task := stoppedBy(s, "LIFE-009.stops", status)
			runs, tasks = append(runs, run), append(tasks, task)
		}
		inGrace, task := stoppedBy(s, "LIFE-009.stops", 409)
		s.Over(s.Grace()/4, task) // the supervisor has heard of it by then
		inGrace.Release("here")
		runs, tasks = append(runs, inGrace), append(tasks, task)
		for i, run := range runs {
			allOver(s, "LIFE-009.stops", tasks[i])
			run.EndWithin(s.Grace() + stage.DefaultPatience)
			s.Require("LIFE-009.no-state").Empty("state calls for a task that the server stopped", run.StateCalls()...)
		}
		s.Require("LIFE-009.stops").AllGone(stopped(s.Stage), stage.WorkerAccount)
	}),
}

var stoppedAndAcknowledged = stage.Spec{
	Slug:     "stopped-and-acknowledged",
	Says:     "a heartbeat is answered 404, 409 or 410: the task ends, and after that the server is told server_terminated from where it ran, and nothing else",
	Verifies: []string{"LIFE-029.stops", "LIFE-029.told", "LIFE-029.after", "LIFE-029.no-other"},
	Alone: worker.Script(func(s *worker.Stage) {
		var runs []*worker.Run
		var tasks []proc.Process
		for _, status := range world.Stops(s.World.Shape()) {
			run, task := stoppedBy(s, "LIFE-029.stops", status)
			runs, tasks = append(runs, run), append(tasks, task)
			s.World.SetState(run.TI().ID, "failed") // whatever the heartbeats are answered
		}
		for i, run := range runs {
			run.EndWithin(s.Grace() + stage.DefaultPatience)
			ti := run.TI()
			var told []map[string]any
			for _, report := range ti.Reports {
				told = append(told, map[string]any{"state": report.State, "hostname": report.Body["hostname"], "pid": report.Body["pid"], "status": report.Status})
				s.Require("LIFE-029.after").True("a state that is told once the process of the task has ended", !report.At.Before(run.LastSeen(tasks[i])),
					"a state after the end of the process", fmt.Sprintf("%s at %s, while process %d lived", report.State, report.At.Format(time.RFC3339Nano), tasks[i].PID))
			}
			s.Require("LIFE-029.no-other").Equal("states told of a task that the server stopped", states(run), []string{world.StateServerTerminated})
			s.Require("LIFE-029.told").Equal("what the server is told of a task that it stopped", told,
				[]map[string]any{{"state": world.StateServerTerminated, "hostname": ti.Hostname, "pid": ti.PID, "status": 204}})
		}
		s.Require("LIFE-029.stops").AllGone(stopped(s.Stage), stage.WorkerAccount)
	}),
}

// stoppedBy starts a task that ignores SIGTERM, and has its heartbeats answered like
// that once it has sent one. It returns the run and the process of the task.
func stoppedBy(s *worker.Stage, requirement string, status int) (*worker.Run, proc.Process) {
	run := s.Start(stage.Task{Name: fmt.Sprint("stopped-by-", status), Verbs: stage.Verbs(stage.IgnoreSIGTERM(), stage.WaitFor("here"))})
	task := s.Require(requirement).RunsAs(run, "here", stage.WorkerAccount)
	run.Beats(1)
	stop(s, run, status)
	return run, task
}

// stubborn ignores SIGTERM, leaves a daemon behind and waits.
var stubborn = stage.Verbs(stage.IgnoreSIGTERM(), stage.Daemonise("sleep", "600"), stage.WaitFor("here"))

var notRunning = map[string]any{"reason": "not_running", "message": "TI is no longer in the running state", "current_state": "failed"}
