package lifecycle

import (
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/world"
)

var supervised = []role.Role{role.Supervisor, role.Worker}

var silentExitIsNoSuccess = stage.Spec{
	Slug:     "silent-exit-is-no-success",
	Says:     "a task exits with code 0 and without a terminal message: the server is told failed, also where a retry is left",
	Verifies: []string{"LIFE-012.last", "LIFE-012.retry-left"},
	Roles:    supervised,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			last, retry := endsBy(s, user, stage.Exit(0))
			s.Require("LIFE-012.last").Equal("states reported of "+last.Label()+", which exits silently", states(last), []string{"failed"})
			s.Require("LIFE-012.retry-left").Equal("states reported of "+retry.Label()+", which exits silently", states(retry), []string{"failed"})
		}
	},
}

var abnormalEndIsReported = stage.Spec{
	Slug: "abnormal-end-is-reported",
	Says: "a task exits with code 1, 7, 143 or 255 or is ended by SIGKILL or SIGABRT without a terminal message: " +
		"the server is told failed, or up_for_retry where it may be tried again",
	Verifies: []string{"LIFE-013.code-failed", "LIFE-013.code-retry", "LIFE-013.signal-failed", "LIFE-013.signal-retry"},
	Roles:    supervised,
	Budget:   longBudget,
	Run: func(s *stage.Stage) {
		for _, end := range []stage.Verb{stage.Exit(7), stage.Exit(1), stage.Exit(143), stage.Exit(255)} {
			abnormally(s, "LIFE-013.code-", "alice", end)
		}
		for _, end := range []stage.Verb{stage.SignalSelf("SIGKILL"), stage.SignalSelf("SIGABRT")} {
			abnormally(s, "LIFE-013.signal-", "alice", end)
		}
		abnormally(s, "LIFE-013.code-", "", stage.Exit(1))
		abnormally(s, "LIFE-013.signal-", "", stage.SignalSelf("SIGKILL"))
	},
}

// A task of the probe obeys SIGTERM as runners do, and says how it ended. A puppet is
// ended by it.
var endBySIGTERMIsReported = stage.Spec{
	Slug:     "end-by-sigterm-is-reported",
	Says:     "SIGTERM, which nobody of the supervisor sent, ends a runner: the server is told failed, or up_for_retry, and the task log names the signal",
	Verifies: []string{"LIFE-013.signal-failed", "LIFE-013.signal-retry", "LIFE-023.signal"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			run := abnormally(s.Stage.Stage, "LIFE-013.signal-", user, stage.SignalSelf("SIGTERM"))
			s.Require("LIFE-023.signal").LineWith("task log", run.TaskLog(), `\bSIGTERM\b`)
		}
	}),
}

// abnormally has two tasks end like that, one with a retry left, and requires what is
// reported of them. It returns the one without.
func abnormally(s *stage.Stage, clauses, user string, end stage.Verb) *stage.Run {
	last, retry := endsBy(s, user, end)
	s.Require(clauses+"failed").Equal("states reported of "+last.Label()+", should_retry false", states(last), []string{"failed"})
	s.Require(clauses+"retry").Equal("states reported of "+retry.Label()+", should_retry true", states(retry), []string{"up_for_retry"})
	return last
}

var reasonOfTheEndInTheLog = stage.Spec{
	Slug:     "reason-of-the-end-in-the-log",
	Says:     "the task log names the exit code, SIGKILL with a hint at memory, and SIGABRT, for the worker's own user and for alice",
	Verifies: []string{"LIFE-023.code", "LIFE-023.signal", "LIFE-023.memory"},
	Roles:    supervised,
	Budget:   longBudget,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			for _, code := range []int{7, 143} {
				run, _ := endsBy(s, user, stage.Exit(code))
				s.Require("LIFE-023.code").LineWith("task log of "+run.Label(), run.TaskLog(), `(?i)exit|ended`, fmt.Sprintf(`\b%d\b`, code))
			}
			for _, signal := range []string{"SIGKILL", "SIGABRT"} {
				run, _ := endsBy(s, user, stage.SignalSelf(signal))
				s.Require("LIFE-023.signal").LineWith("task log of "+run.Label(), run.TaskLog(), `\b`+signal+`\b`)
				if signal == "SIGKILL" {
					s.Require("LIFE-023.memory").LineWith("task log of "+run.Label(), run.TaskLog(), `(?i)\bmemory\b|\bOOM\b`)
				}
			}
		}
	},
}

// endsBy runs two tasks of the user, without and with a retry left, that push an XCom
// and then end like that.
func endsBy(s *stage.Stage, user string, end stage.Verb) (last, retry *stage.Run) {
	name := strings.TrimLeft(user+"-"+nameOf(end), "-")
	start := func(name string, retry bool) *stage.Run {
		return s.Start(stage.Task{As: user, Name: name, ShouldRetry: retry, Verbs: stage.Verbs(stage.PushXCom("began", true), end)})
	}
	last, retry = start(name, false), start(name+"-retry", true)
	for _, run := range []*stage.Run{last, retry} {
		run.End()
		run.Result("began") // control: without it the task did not begin
	}
	return last, retry
}

// nameOf says in a label how a task ends.
func nameOf(end stage.Verb) string {
	if signal, is := end["signal"].(string); is {
		return signal
	}
	return fmt.Sprintf("exit-%v", end["code"])
}

// states returns the terminal states that were reported, in their order.
func states(run interface{ TI() world.TaskInstance }) []string {
	list := []string{}
	for _, report := range run.TI().Reports {
		list = append(list, report.State)
	}
	return list
}
