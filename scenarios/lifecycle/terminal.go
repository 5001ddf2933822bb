package lifecycle

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/internal/ordered"
	"github.com/understudy-conformance/understudy/protocol/message"
)

var firstTerminalStateCounts = stage.Spec{
	Slug:     "first-terminal-state-counts",
	Says:     "a runner says success, then success at another time, then failed: what the server is told after the first report is identical to it",
	Verifies: []string{"LIFE-028"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		now := time.Now()
		run := s.Start(stage.Task{As: "alice"},
			supervisor.Ask(&message.SucceedTask{EndDate: message.At(now)}).Noted("success"),
			supervisor.Ask(&message.SucceedTask{EndDate: message.At(now.Add(time.Hour))}).Noted("success at another time"),
			supervisor.Ask(&message.TaskState{State: message.StateFailed}).Noted("failed"),
			supervisor.Do(stage.Exit(0)))
		run.End()
		run.Noted("failed") // control: the runner said all three
		s.Require("LIFE-028").Equal("state of the first report", states(run)[:min(1, len(states(run)))], []string{"success"})
		sameReports(s.Require("LIFE-028"), run)
	}),
}

var successOutlivesTheExitCode = stage.Spec{
	Slug:     "success-outlives-the-exit-code",
	Says:     "a runner whose success was acknowledged exits with code 1 or is killed: nothing but that success is reported, with a retry left or not",
	Verifies: []string{"LIFE-014", "LIFE-028"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			for _, end := range []stage.Verb{stage.Exit(1), stage.SignalSelf("SIGKILL")} {
				for _, retry := range []bool{false, true} {
					run := s.Start(stage.Task{As: user, Name: nameOf(end), ShouldRetry: retry},
						supervisor.Ask(&message.SucceedTask{EndDate: message.At(time.Now())}).Noted("success"), supervisor.Do(end))
					run.End()
					s.Require("LIFE-014").Equal("control: answer to the success of "+run.Label(), run.Noted("success"), map[string]any{"type": ""})
					for _, state := range states(run) {
						s.Require("LIFE-014").Equal("state told of "+run.Label()+", whose success was taken", state, "success")
					}
					sameReports(s.Require("LIFE-028"), run)
				}
			}
		}
	}),
}

var refusedStateIsRepeated = stage.Spec{
	Slug: "refused-state-is-repeated",
	Says: "the first call that reports a success, a failure or an end without a word is answered 500 or not at all: " +
		"it is repeated as it was, until the server knows the state",
	Verifies: []string{"LIFE-015.repeated", "LIFE-028"},
	Budget:   longBudget,
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		for _, fault := range []world.Fault{{Status: 500, Detail: "out of order"}, {Drop: true}} {
			for _, end := range []struct {
				name, state string
				verbs       []stage.Verb
			}{
				{"success", "success", nil},
				{"exit", "failed", stage.Verbs(stage.Exit(1))},
			} {
				run := s.Start(stage.Task{As: "alice", Name: end.name, Verbs: append(stage.Verbs(stage.WaitFor("here")), end.verbs...)})
				s.Require("LIFE-015.repeated").RunsAs(run, "here", "alice")
				strikes := fault
				strikes.Method, strikes.Path, strikes.Times = "PATCH", "task-instances/"+run.TI().ID+"/state", 1
				s.World.Inject(strikes)
				run.Release("here")
				run.End()
				s.Require("LIFE-015.repeated").Equal("state of "+run.Label()+" on the server", run.TI().State, end.state)
				if fault.Status != 0 {
					s.Require("LIFE-028").True("control: the server was told more than once", len(states(run)) > 1, "two reports or more", fmt.Sprint(states(run)))
				}
				sameReports(s.Require("LIFE-028"), run)
			}
		}
	}),
}

var refusedStateReachesTheCaller = stage.Spec{
	Slug:     "refused-state-reaches-the-caller",
	Says:     "all calls that report a success are answered 500: whoever started the supervisor is told of it by its exit code",
	Verifies: []string{"LIFE-015.told"},
	Budget:   longBudget,
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		control := s.Start(stage.Task{Settings: fewAttempts})
		e := control.Succeeds()
		s.Require("LIFE-015.told").Equal("control: exit code where the state gets through", e.ExitCode, 0)
		s.World.Inject(world.Fault{Method: "PATCH", Path: "task-instances/*/state", Status: 500, Detail: "out of order"})
		run := s.Start(stage.Task{Settings: fewAttempts})
		e = run.EndWithin(time.Minute)
		s.Require("LIFE-015.told").True("control: a state was to be reported", len(run.StateCalls()) > 0, "a state call", "none")
		s.Require("LIFE-015.told").True("exit code where no state gets through", e.ExitCode != 0, "not 0", "0")
	}),
}

// fewAttempts has a client of the API give up soon.
var fewAttempts = map[string]string{
	"workers.execution_api_retries": "2", "workers.execution_api_retry_wait_min": "0.1", "workers.execution_api_retry_wait_max": "0.2",
}

var undeliveredFailure = stage.Spec{
	Slug:     "undelivered-failure",
	Says:     "a failure, and one after which the task may be tried again, is refused by the supervisor: the runner's exit code is not 0",
	Verifies: []string{"LIFE-016.failed", "LIFE-016.retry", "LIFE-017"},
	Alone: runner.Script(func(s *runner.Stage) {
		for _, user := range []string{"", "alice"} {
			for clause, retry := range ordered.Pairs(map[string]bool{"LIFE-016.failed": false, "LIFE-016.retry": true}) {
				heard := s.Start(stage.Task{As: user, ShouldRetry: retry, Verbs: stage.Verbs(stage.Fail("on purpose"))}, runner.Wire{})
				heard.Fails()
				s.Require("LIFE-017").Equal("terminal messages of "+heard.Label(), len(states(heard)), 1)
				run := s.Start(stage.Task{As: user, ShouldRetry: retry, Verbs: stage.Verbs(stage.Fail("on purpose"))}, runner.Wire{Answer: refuseTheEnd})
				e := run.End()
				s.Require(clause).True("control: a state was to be reported", len(states(run)) > 0, "a terminal message", "none")
				s.Require(clause).True("exit code of "+run.Label()+", whose state was refused", e.ExitCode != 0, "not 0", "0")
			}
		}
	}),
}

// refuseTheEnd answers each terminal message by an error.
func refuseTheEnd(kind string, _ map[string]any, answer runner.Answer) runner.Answer {
	switch kind {
	case "SucceedTask", "TaskState", "RetryTask":
		return runner.Answer{Error: map[string]any{"error": "API_SERVER_ERROR", "detail": map[string]any{"status_code": 500, "message": "out of order"}}}
	}
	return answer
}

// sameReports requires that whatever was told to the server after the first report is
// identical to it, and that there was one.
func sameReports(c stage.Check, run interface {
	TI() world.TaskInstance
	Label() string
}) {
	reports := run.TI().Reports
	c.True("states told of "+run.Label(), len(reports) > 0, "at least one", "none")
	for _, report := range reports {
		c.Equal("report of "+run.Label()+" after the first", report.Body, reports[0].Body)
	}
}
