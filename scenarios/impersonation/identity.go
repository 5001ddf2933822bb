package impersonation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var markersInvisible = stage.Spec{
	Slug:     "markers-invisible",
	Says:     "alice's task and its child have no variable that marks a second start: none that a task without switch lacks, logins and sudo aside",
	Verifies: []string{"IMP-010.marker"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		own, ownChild := environmentsOf(s, "IMP-010.marker", "", stage.Task{})
		for _, user := range []string{"alice", "carol"} {
			task, child := environmentsOf(s, "IMP-010.marker", user, stage.Task{})
			onlyAfter(s.Require("IMP-010.marker"), "variables of the task of "+user, task, own)
			onlyAfter(s.Require("IMP-010.marker"), "variables of the child of "+user, slices.Collect(maps.Keys(child)), slices.Collect(maps.Keys(ownChild)))
		}
	},
}

var ticketCacheHidden = stage.Spec{
	Slug:     "ticket-cache-hidden",
	Says:     "the worker's KRB5CCNAME, of a file, a folder or the keyring, is in no variable of a child of a task of alice, bob or carol",
	Verifies: []string{"IMP-013"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		for _, c := range []struct{ user, cache string }{{"alice", "/tmp/krb5cc_"}, {"bob", "DIR:/tmp/"}, {"carol", "KEYRING:persistent:61001:"}} {
			mark := s.Nonce()
			_, child := environmentsOf(s, "IMP-013", c.user, stage.Task{Env: map[string]string{"KRB5CCNAME": c.cache + mark}})
			if child["HOME"] == "" {
				s.Require("IMP-013").Fails("control: variables of the child cannot be seen", "HOME among them", strings.Join(slices.Sorted(maps.Keys(child)), " "))
			}
			hasNot(s.Require("IMP-013"), "the worker's ticket cache", child, mark)
		}
	},
}

// environmentsOf is environments for any user, "" for the worker's own.
func environmentsOf(s *stage.Stage, requirement, user string, task stage.Task) (names []string, child map[string]string) {
	task.As = user
	task.Verbs = stage.Verbs(stage.ListEnvironment().Save("names"), stage.Spawn("sleep", "600"), stage.WaitFor("here"))
	run := s.Start(task)
	s.Require(requirement).RunsAs(run, "here", cmp.Or(user, stage.WorkerAccount))
	list, _ := run.Result("names").([]any) // of another kind: as if it were empty, which controls notice
	for _, name := range list {
		names = append(names, fmt.Sprint(name))
	}
	return names, environment(s, s.Require(requirement).Lives(cmp.Or(user, stage.WorkerAccount), "sleep"))
}

var startupDataHidden = stage.Spec{
	Slug:     "startup-data-hidden",
	Says:     "startup data of a task of alice, of bob and of the worker's own user stands in no argument list and no environment, encoded or not, nor in those of a child",
	Verifies: []string{"IMP-009.arguments", "IMP-009.environment", "IMP-010.data"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"alice", "bob", stage.WorkerAccount} {
			mark := s.Nonce()
			run := s.Start(stage.Task{As: user, Conf: map[string]any{"mark": mark}, Verbs: stage.Verbs(stage.Spawn("sleep", "600"), stage.WaitFor("here"))})
			s.Require("IMP-009.environment").RunsAs(run, "here", user)
			hasNot(s.Require("IMP-010.data"), "startup data", environment(s, s.Require("IMP-010.data").Lives(user, "sleep")), mark)
			noTrace(s, s.Require("IMP-009.arguments"), s.Require("IMP-009.environment"), run, mark)
			run.Release("here")
			run.Succeeds()
		}
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
		if !run.AtOrEnded("here") {
			run.Release("here")
			s.Require("IMP-008").Success(run) // says how it ended
		}
		s.Require("IMP-008").RunsAs(run, "here", "alice")
		s.Require("IMP-008").Equal("XCom of the task", run.Result("k"), value)
		run.Release("here")
		run.Succeeds()
	},
}
