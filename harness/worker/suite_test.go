package worker

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
)

// Ginkgo runs one suite a process, so one test has all ways in which a case can
// end.
func TestEveryCaseThatStartsEnds(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the stage gives folders away: needs root")
	}
	var mu sync.Mutex
	var events []journal.Event
	write := func(e journal.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	work := []task{}
	add := func(slug string, as role.Role, run func(*stage.Stage)) {
		spec := stage.Spec{Slug: slug, Says: slug, Verifies: []string{"IMP-001"}, Roles: []role.Role{as}, Budget: 5 * time.Second, Run: run}
		work = append(work, task{spec, spec.Cases("impersonation")[0]})
	}
	add("held", role.Runner, func(s *stage.Stage) { s.Require("IMP-001").Equal("one", 1, 1) })
	add("elsewhere", role.Runner, func(*stage.Stage) { t.Error("a case that another sandbox plays was played") })
	add("violated", role.Runner, func(s *stage.Stage) { s.Require("IMP-001").Equal("one", 2, 1) })
	add("panics", role.Runner, func(*stage.Stage) { panic("oh") })
	add("not-applicable", role.Runner, func(*stage.Stage) { t.Error("a case was played whose capability is lacking") })
	work[len(work)-1].spec.Needs = []string{"colour"}
	add("unable", role.Worker, func(*stage.Stage) { t.Error("a case of a role that cannot be played was played") })
	add("hangs", role.Runner, func(*stage.Stage) { <-never })
	add("after", role.Runner, func(*stage.Stage) { t.Error("a case was played in a sandbox that is given up") })

	named := make(chan string, len(work))
	for _, t := range work {
		if t.spec.Slug != "elsewhere" {
			named <- t.kase.ID
		}
	}
	pl := &player{
		named: named,
		session: &stage.Session{
			Plan: plan.Plan{Attempt: 3}, Doors: stage.Doors{role.Runner: runner.Open}, Write: write, Root: filepath.Join(t.TempDir(), "cases"), Tidy: func() error { return nil },
		},
		write: write, unable: map[role.Role]journal.Observation{role.Worker: {Outcome: journal.CouldNotRun, Says: "no API"}}, grace: time.Second,
	}
	pl.playAll(work)

	mu.Lock()
	defer mu.Unlock()
	var got []string
	for _, e := range events {
		slug := e.Case[strings.LastIndexByte(e.Case, '/')+1:]
		switch {
		case e.Ready != nil:
			got = append(got, "ready")
		case e.CaseStart != nil:
			got = append(got, "start "+slug)
			if e.Attempt != 3 || e.CaseStart.BudgetMS != 6000 {
				t.Errorf("case-start of %s: attempt %d, budget %d ms", slug, e.Attempt, e.CaseStart.BudgetMS)
			}
		case e.CaseEnd != nil:
			got = append(got, "end "+slug+" "+string(e.CaseEnd.Outcome))
		}
	}
	want := []string{
		"ready", "start held", "end held held",
		"ready", "start violated", "end violated violated",
		"ready", "start panics", "end panics harness-error",
		"ready", "start not-applicable", "end not-applicable not-applicable",
		"ready", "start unable", "end unable could-not-run",
		"ready", "start hangs", "end hangs harness-error",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(pl.stopped, "hangs did not come to its end") {
		t.Errorf("stopped because of %q", pl.stopped)
	}
}

func TestAControlHoldsOnlyWhenItIsCleanedUp(t *testing.T) {
	held := journal.Observation{Outcome: journal.Held}
	for name, tc := range map[string]struct {
		ended stage.Ended
		want  journal.Observation
	}{
		"held":                            {stage.Ended{Observation: held}, held},
		"left":                            {stage.Ended{Observation: held, Dirty: []string{"a mount", "a file"}}, journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task of the worker account leaves the sandbox other than it was: a mount; a file"}},
		"failed":                          {stage.Ended{Observation: journal.Observation{Outcome: journal.Violated, Says: "no end", Actual: "alive"}}, journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task of the worker account does not succeed: no end: alive", Actual: "alive"}},
		"broken":                          {stage.Ended{Observation: journal.Observation{Outcome: journal.HarnessError, Says: "no folder"}}, journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task of the worker account does not succeed: no folder"}},
		"not to be judged":                {stage.Ended{Observation: journal.Observation{Outcome: journal.CouldNotRun, Misled: true, Says: "3.4, and not 3.3"}, Refused: true}, journal.Observation{Outcome: journal.CouldNotRun, Misled: true, Says: "3.4, and not 3.3"}},
		"refused, which cases are to say": {stage.Ended{Observation: journal.Observation{Outcome: journal.Violated, Says: "no end"}, Refused: true}, journal.Observation{Outcome: journal.Violated, Says: "no end"}},
		"refused and left":                {stage.Ended{Observation: journal.Observation{Outcome: journal.Violated, Says: "no end"}, Refused: true, Dirty: []string{"a mount"}}, journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task of the worker account does not succeed: no end"}},
	} {
		if diff := cmp.Diff(tc.want, controlled(tc.ended)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestARoleThatTheStageCannotPlayIsSaidToBeOne(t *testing.T) {
	pl := &player{session: &stage.Session{Doors: stage.Doors{role.Runner: runner.Open}}}
	want := journal.Observation{Outcome: journal.CouldNotRun, Says: "the stage cannot play role supervisor yet"}
	if diff := cmp.Diff(want, pl.control(t.Context(), role.Supervisor)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
