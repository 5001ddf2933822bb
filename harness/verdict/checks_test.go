package verdict_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// held and broken are checks of a requirement.
func held(requirement string) journal.Check {
	return journal.Check{Requirement: requirement, What: "uid", Held: true, Expected: "7", Actual: "7"}
}

func broken(requirement string) journal.Check {
	return journal.Check{Requirement: requirement, What: "uid is not what it should be", Expected: "7", Actual: "8", Where: "scenarios/x.go:7"}
}

func premise(requirement string) journal.Check {
	return journal.Check{Requirement: requirement, What: "waited for alice", Held: true, Premise: true}
}

func TestACaseIsWhatItsChecksSay(t *testing.T) {
	kase := index[0] // IMP-001 and IMP-004
	end := func(outcome journal.Outcome) journal.CaseEnd { return journal.CaseEnd{Outcome: outcome} }
	own := end(journal.CouldNotRun)
	own.Where = "scenarios/x.go:9"
	told := end(journal.Violated)
	told.Says, told.Actual, told.Where = "something else", "9", "elsewhere.go:1"
	for name, tc := range map[string]struct {
		checks []journal.Check
		end    journal.CaseEnd
		want   verdict.Verdict
		says   string
	}{
		"both held":                        {[]journal.Check{premise("IMP-001"), held("IMP-001"), held("IMP-004")}, end(journal.Held), verdict.Pass, ""},
		"one did not":                      {[]journal.Check{held("IMP-001"), broken("IMP-004")}, end(journal.Violated), verdict.Fail, "uid is not what it should be"},
		"the end adds nothing":             {[]journal.Check{broken("IMP-004")}, told, verdict.Fail, "uid is not what it should be"},
		"interrupted after it did not":     {[]journal.Check{broken("IMP-004")}, end(journal.CouldNotRun), verdict.CouldNotRun, ""},
		"died after it did not":            {[]journal.Check{broken("IMP-004")}, end(journal.HarnessError), verdict.HarnessError, ""},
		"nothing was checked":              {nil, end(journal.Held), verdict.HarnessError, "nothing of IMP-001 was checked"},
		"nothing of one":                   {[]journal.Check{held("IMP-001")}, end(journal.Held), verdict.HarnessError, "nothing of IMP-004 was checked"},
		"a premise of one":                 {[]journal.Check{held("IMP-001"), premise("IMP-004")}, end(journal.Held), verdict.HarnessError, "nothing of IMP-004 was checked"},
		"held, and one did not":            {[]journal.Check{held("IMP-001"), held("IMP-004"), broken("IMP-004")}, end(journal.Held), verdict.HarnessError, "said to be held, and a check of IMP-004 failed"},
		"violated, and all held":           {[]journal.Check{held("IMP-001"), held("IMP-004")}, told, verdict.HarnessError, "said to be violated, and no check in it failed"},
		"not applicable, and one did not":  {[]journal.Check{broken("IMP-004")}, end(journal.NotApplicable), verdict.HarnessError, "said to be not-applicable, and a check of IMP-004 failed"},
		"its own could-not-run, likewise":  {[]journal.Check{broken("IMP-004")}, own, verdict.HarnessError, "said to be could-not-run, and a check of IMP-004 failed"},
		"on after one that did not":        {[]journal.Check{broken("IMP-004"), held("IMP-001")}, end(journal.Violated), verdict.HarnessError, "went on after a check that did not hold"},
		"two did not":                      {[]journal.Check{broken("IMP-004"), broken("IMP-001")}, end(journal.Violated), verdict.HarnessError, "went on after a check that did not hold"},
		"of another requirement, held":     {[]journal.Check{held("IMP-001"), held("IMP-004"), held("IMP-002")}, end(journal.Held), verdict.HarnessError, `something of "IMP-002" was checked`},
		"of another requirement, violated": {[]journal.Check{broken("IMP-002")}, end(journal.Violated), verdict.HarnessError, ""},
		"an outcome nobody knows":          {[]journal.Check{held("IMP-001"), held("IMP-004")}, end("HELD"), verdict.HarnessError, ""},
		"no outcome":                       {[]journal.Check{held("IMP-001"), held("IMP-004")}, end(""), verdict.HarnessError, "without an observation"},
	} {
		s := begin(kase.ID).started(kase.ID)
		for _, made := range tc.checks {
			s.checked(kase.ID, 0, made)
		}
		m := build(t, s.add(journal.Event{Sandbox: 1, Case: kase.ID, CaseEnd: &tc.end}).end(), "")
		c := m.Cases[0]
		if c.Verdict != tc.want || !strings.Contains(c.Observation.Says, tc.says) {
			t.Errorf("%s: %s, %q; want %s, %q", name, c.Verdict, c.Observation.Says, tc.want, tc.says)
		}
		if tc.want == verdict.Fail {
			want := journal.Observation{Outcome: journal.Violated, Requirement: "IMP-004", Clause: "IMP-004", Says: "uid is not what it should be", Expected: "7", Actual: "8", Where: "scenarios/x.go:7"}
			if diff := cmp.Diff(want, c.Observation); diff != "" {
				t.Errorf("%s: observation (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestASiblingThatWasCheckedBeforeAViolationHolds(t *testing.T) {
	kase := index[0]
	for name, tc := range map[string]struct {
		checks []journal.Check
		want   [2]verdict.Verdict // of IMP-001 and IMP-004
	}{
		"checked before":       {[]journal.Check{held("IMP-001"), broken("IMP-004")}, [2]verdict.Verdict{verdict.Pass, verdict.Fail}},
		"not come to":          {[]journal.Check{broken("IMP-001")}, [2]verdict.Verdict{verdict.Fail, verdict.NotShown}},
		"only a premise of it": {[]journal.Check{premise("IMP-004"), broken("IMP-001")}, [2]verdict.Verdict{verdict.Fail, verdict.NotShown}},
		"itself, before":       {[]journal.Check{held("IMP-001"), held("IMP-004"), broken("IMP-001")}, [2]verdict.Verdict{verdict.Fail, verdict.Pass}},
	} {
		s := begin(kase.ID).started(kase.ID)
		for _, made := range tc.checks {
			s.checked(kase.ID, 0, made)
		}
		m := build(t, s.add(journal.Event{Sandbox: 1, Case: kase.ID, CaseEnd: &journal.CaseEnd{Outcome: journal.Violated}}).end(), "")
		var got [2]verdict.Verdict
		for _, r := range m.Requirements {
			if i := slices.Index([]string{"IMP-001", "IMP-004"}, r.ID); i >= 0 {
				got[i] = r.Verdict
			}
		}
		if got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Of very many checks the first ones are kept, one of each requirement, and what failed.
func TestChecksAreBounded(t *testing.T) {
	kase := index[0]
	s := begin(kase.ID).started(kase.ID)
	for range 100_000 {
		s.checked(kase.ID, 0, held("IMP-001"))
	}
	s.checked(kase.ID, 0, held("IMP-004")).checked(kase.ID, 0, broken("IMP-004"))
	s.add(journal.Event{Sandbox: 1, Case: kase.ID, CaseEnd: &journal.CaseEnd{Outcome: journal.Violated, LeftOut: 5}})
	c := build(t, s.end(), "").Cases[0]
	if n := len(c.Checks); n > 300 || n+c.ChecksLeft != 100_007 || c.Checks[n-1].Held || c.Checks[n-2].Requirement != "IMP-004" || c.Verdict != verdict.Fail {
		t.Errorf("%d checks, %d more, %s; the last one is %+v", n, c.ChecksLeft, c.Verdict, c.Checks[n-1])
	}
	s = begin(kase.ID).started(kase.ID).checked(kase.ID, 0, held("IMP-001")).checked(kase.ID, 0, held("IMP-004"))
	for range 200 { // as many more as the stage writes
		s.checked(kase.ID, 0, held("IMP-001"))
	}
	s.add(journal.Event{Sandbox: 1, Case: kase.ID, CaseEnd: &journal.CaseEnd{Outcome: journal.Held}})
	if c := build(t, s.end(), "").Cases[0]; len(c.Checks) != 202 || c.ChecksLeft != 0 || c.Verdict != verdict.Pass {
		t.Errorf("of what the stage writes: %d checks, %d more, %s", len(c.Checks), c.ChecksLeft, c.Verdict)
	}
	s = begin(kase.ID).started(kase.ID)
	for i := range 100_000 {
		s.checked(kase.ID, 0, held(fmt.Sprint(i)))
	}
	s.add(journal.Event{Sandbox: 1, Case: kase.ID, CaseEnd: &journal.CaseEnd{Outcome: journal.Held, LeftOut: -1 << 60}})
	if c := build(t, s.end(), "").Cases[0]; len(c.Checks) > 500 || c.ChecksLeft < 90_000 || c.Verdict != verdict.HarnessError {
		t.Errorf("of as many requirements: %d checks, %d more, %s", len(c.Checks), c.ChecksLeft, c.Verdict)
	}
}

// Who looks on while a run goes on is told the same as who reads the report.
func TestWhatIsToldOfACaseWhileItRunsIsWhatTheReportSays(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		events, known := arbitrary(t), arbitraryList(t)
		type attempt struct {
			id string
			n  int
		}
		told := map[attempt]verdict.Turn{}
		live := verdict.Follow(c, index, known)
		for _, e := range events {
			if turn := live.See(e).Ended; turn != nil {
				told[attempt{turn.Case.ID, turn.Attempt}] = *turn
			}
		}
		for _, kase := range verdict.Build(c, index, verdict.Collate(slices.Values(events)), known, now).Cases {
			for _, a := range kase.Attempts {
				turn, is := told[attempt{kase.ID, a.Number}]
				if is && (turn.Verdict != a.Verdict || turn.Observation != a.Observation) {
					t.Fatalf("attempt %d of %s is told as %s, %+v, and reported as %s, %+v", a.Number, kase.ID, turn.Verdict, turn.Observation, a.Verdict, a.Observation)
				}
			}
		}
	})
}

func TestNewsOfARun(t *testing.T) {
	id := index[0].ID
	s := begin(id, index[1].ID, "nothing of the index")
	s.add(journal.Event{Sandbox: 1, Control: &journal.Control{Role: "worker", Observation: journal.Observation{Outcome: journal.Held}}})
	s.add(journal.Event{Sandbox: 1, Control: &journal.Control{Role: "worker", Observation: journal.Observation{Outcome: journal.Violated, Says: "no"}}})
	s.saw(id, journal.Violated).saw("nothing of the index", journal.Held)
	live := verdict.Follow(load(t), index, nil)
	var got []string
	for _, e := range s.end() {
		switch news := live.See(e); {
		case news.Run != nil:
			for _, a := range news.Run.Areas {
				if a.Planned > 0 {
					got = append(got, fmt.Sprintf("%s %s %d", news.Run.Identity.Implementation, a.Name, a.Planned))
				}
			}
		case news.Sandbox != nil:
			got = append(got, "kernel "+news.Sandbox.Environment["kernel"])
		case news.Control != nil:
			got = append(got, "control: "+news.Control.Observation.Says)
		case news.Begun != nil:
			got = append(got, "begun "+news.Begun.Case.ID)
		case news.Ended != nil:
			got = append(got, fmt.Sprintf("ended %s %s %s %s", news.Ended.Case.ID, news.Ended.Verdict, news.Ended.Observation.Actual, news.Ended.Took))
		}
	}
	want := []string{"demo impersonation 2", "kernel 6", "control: no", "begun " + id, "ended " + id + " fail uid 61001 " + (1500 * time.Millisecond).String()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
}
