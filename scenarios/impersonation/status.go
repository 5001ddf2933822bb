package impersonation

import (
	"fmt"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// exits are codes that something in between may take for another, or make of a signal.
var exits = []int{1, 2, 37, 126, 127, 137, 143, 254, 255}

var exitStatusOfTheTarget = stage.Spec{
	Slug:     "exit-status-of-the-target",
	Says:     "exit code and signal that ended a task of alice or bob are those of the process that the supervisor started, as without a switch",
	Verifies: []string{"IMP-017.exit", "IMP-017.signal"},
	Roles:    []role.Role{role.Runner},
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice", "bob"} {
			for _, code := range exits {
				exit := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Exit(code))}).End()
				s.Require("IMP-017.exit").Equal("exit code and signal after exit", []any{exit.ExitCode, exit.Signal}, []any{code, ""})
			}
			killed := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.SignalSelf("SIGKILL"))}).End()
			s.Require("IMP-017.signal").Equal("exit code and signal after SIGKILL", []any{killed.ExitCode, killed.Signal}, []any{-1, "SIGKILL"})
		}
	},
}

var statusAsWithoutSwitch = stage.Spec{
	Slug:     "status-as-without-switch",
	Says:     "what state and log say of a task of alice that exits or is killed is what they say of one of the worker's own user, with a retry left and without",
	Verifies: []string{"IMP-017.exit", "IMP-017.signal"},
	Roles:    []role.Role{role.Worker},
	Run: func(s *stage.Stage) {
		for _, retry := range []bool{false, true} {
			for _, code := range []int{0, 37, 137} {
				like(s, s.Require("IMP-017.exit"), stage.Exit(code), retry, fmt.Sprintf(`\b%d\b`, code))
			}
			like(s, s.Require("IMP-017.signal"), stage.SignalSelf("SIGKILL"), retry, `(?i)\bSIGKILL\b|\bkilled\b|signal 9|-9\b`)
		}
	},
}

// like requires that the end of alice's task is told as that of the worker's own user is:
// the same states, and a log that says how it ended where the other does.
func like(s *stage.Stage, c stage.Check, end stage.Verb, retry bool, pattern string) {
	var states [2][]string
	var logs [2]string
	for i, user := range []string{"", "alice"} {
		e := s.Start(stage.Task{As: user, ShouldRetry: retry, Verbs: stage.Verbs(end)}).End()
		logs[i] = e.Log
		for _, terminal := range e.Terminals {
			states[i] = append(states[i], terminal.State)
		}
	}
	c.Equal(fmt.Sprintf("states of alice's task after %v", end), states[1], states[0])
	if regexp.MustCompile(pattern).MatchString(logs[0]) {
		c.Matches(fmt.Sprintf("log of alice's task after %v", end), logs[1], pattern)
	}
}
