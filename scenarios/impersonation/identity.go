package impersonation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var markersInvisible = stage.Spec{
	Slug:     "markers-invisible",
	Says:     "neither alice's task nor its child sees the variables by which a second start is marked",
	Verifies: []string{"IMP-010"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		task, child := environments(s, "IMP-010", stage.Task{})
		markers := []string{"_AIRFLOW__REEXECUTED_PROCESS", "_AIRFLOW__STARTUP_MSG"}
		noneOf(s.Require("IMP-010"), "variables of the task", task, "HOME", markers...)
		noneOf(s.Require("IMP-010"), "variables of the child", slices.Collect(maps.Keys(child)), "HOME", markers...)
	},
}

var ticketCacheHidden = stage.Spec{
	Slug:     "ticket-cache-hidden",
	Says:     "the worker's KRB5CCNAME is in the environment of neither alice's task nor its child",
	Verifies: []string{"IMP-013"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		task, child := environments(s, "IMP-013", stage.Task{Env: map[string]string{"KRB5CCNAME": "/tmp/krb5cc_worker"}})
		noneOf(s.Require("IMP-013"), "variables of the task", task, "HOME", "KRB5CCNAME")
		noneOf(s.Require("IMP-013"), "variables of the child", slices.Collect(maps.Keys(child)), "HOME", "KRB5CCNAME")
	},
}

// environments runs a task of alice and returns the names of the variables that
// the task sees and, from /proc, the variables of a child that it started.
func environments(s *stage.Stage, requirement string, task stage.Task) (names []string, child map[string]string) {
	task.As = "alice"
	task.Verbs = stage.Verbs(stage.ListEnvironment().Save("names"), stage.Spawn("sleep", "600"), stage.WaitFor("here"))
	run := s.Start(task)
	s.Require(requirement).RunsAs(run, "here", "alice")
	list, _ := run.Result("names").([]any) // of another kind: as if it were empty, which controls notice
	for _, name := range list {
		names = append(names, fmt.Sprint(name))
	}
	return names, environment(s, s.Require(requirement).Lives("alice", "sleep"))
}

var startupDataHidden = stage.Spec{
	Slug:     "startup-data-hidden",
	Says:     "startup data of alice's task stands in no argument list and no environment",
	Verifies: []string{"IMP-009"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		mark := s.Nonce()
		run := s.Start(stage.Task{As: "alice", Conf: map[string]any{"mark": mark}, Verbs: stage.Verbs(stage.WaitFor("here"))})
		s.Require("IMP-009").RunsAs(run, "here", "alice")
		noTrace(s, s.Require("IMP-009"), run, mark)
		run.Release("here")
		run.Succeeds()
	},
}

var largeStartupData = stage.Spec{
	Slug:     "large-startup-data",
	Says:     "startup data of 16 MiB reaches the task of alice",
	Verifies: []string{"IMP-008"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		value := s.Nonce()
		run := s.Start(stage.Task{
			As: "alice", Conf: map[string]any{"filling": strings.Repeat("16 octets, whole", 1<<20)},
			Verbs: stage.Verbs(stage.PushXCom("k", value), stage.WaitFor("here")),
		})
		s.Require("IMP-008").RunsAs(run, "here", "alice")
		s.Require("IMP-008").Equal("XCom of the task", run.Result("k"), value)
		run.Release("here")
		run.Succeeds()
	},
}

var exitStatusOfTheTarget = stage.Spec{
	Slug:     "exit-status-of-the-target",
	Says:     "exit code and signal that ended alice's task are those of the process that the supervisor started, as without a switch",
	Verifies: []string{"IMP-017"},
	Roles:    []role.Role{role.Runner},
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			exit := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Exit(37))}).End()
			s.Require("IMP-017").Equal("exit code and signal after exit", []any{exit.ExitCode, exit.Signal}, []any{37, ""})
			killed := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.SignalSelf("SIGKILL"))}).End()
			s.Require("IMP-017").Equal("exit code and signal after SIGKILL", []any{killed.ExitCode, killed.Signal}, []any{-1, "SIGKILL"})
		}
	},
}
