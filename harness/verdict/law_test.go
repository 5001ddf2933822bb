package verdict_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/protocol/release"
)

var outcomes = []journal.Outcome{journal.Held, journal.Violated, journal.NotApplicable, journal.CouldNotRun, journal.HarnessError}

// arbitrary draws a journal in which any case may be missing, cut or repeated,
// and any line may be lost.
func arbitrary(t *rapid.T) []journal.Event {
	var planned []string
	for _, c := range index {
		if rapid.Bool().Draw(t, "planned") {
			planned = append(planned, c.ID)
		}
	}
	s := begin(planned...)
	for _, c := range index {
		for attempt := range rapid.IntRange(0, 2).Draw(t, "attempts") {
			s.add(journal.Event{Sandbox: 1, Case: c.ID, Attempt: attempt, CaseStart: &journal.CaseStart{}})
			if rapid.IntRange(0, 3).Draw(t, "acted") > 0 {
				s.acted(c.ID, attempt)
			}
			o := journal.Observation{
				Outcome:     rapid.SampledFrom(outcomes).Draw(t, "outcome"),
				Requirement: rapid.SampledFrom([]string{"", c.Verifies[0]}).Draw(t, "requirement"),
				Says:        rapid.SampledFrom([]string{"apples", "pears"}).Draw(t, "says"),
			}
			switch rapid.IntRange(0, 9).Draw(t, "forged") {
			case 0: // an end that no check bears out
				s.add(journal.Event{Sandbox: 1, Case: c.ID, Attempt: attempt, CaseEnd: journal.End(o, 0)})
			case 1: // an end that a check speaks against
				s.checked(c.ID, attempt, journal.Check{Requirement: c.Verifies[0], What: "apples"})
				s.add(journal.Event{Sandbox: 1, Case: c.ID, Attempt: attempt, CaseEnd: journal.End(o, 0)})
			default:
				s.endedAt(c.ID, attempt, o)
			}
		}
	}
	events := s.end()
	if rapid.IntRange(0, 3).Draw(t, "lossy") == 0 {
		lost := rapid.IntRange(0, len(events)-1).Draw(t, "lost")
		events = append(events[:lost:lost], events[lost+1:]...)
	}
	return events
}

func arbitraryList(t *rapid.T) *expect.File {
	body := ""
	for _, c := range index {
		if rapid.IntRange(0, 2).Draw(t, "listed") == 0 {
			body += entry(c.ID, "  outcome: "+string(rapid.SampledFrom(outcomes[1:4]).Draw(t, "expected"))+"\n  actual: apples")
		}
	}
	f, err := expect.Read("x", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestZeroMeansThatEverythingPlannedWasSeenAndNothingUnlistedIsWrong(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		events, known := arbitrary(t), arbitraryList(t)
		m := verdict.Build(c, index, verdict.Collate(slices.Values(events)), known, now)
		if verdict.Exit(m, verdict.Any) != verdict.ExitConforms {
			return
		}
		var planned []string
		last := map[string]map[int]*journal.Observation{}
		type attempt struct {
			id string
			n  int
		}
		held := map[attempt][]string{}               // requirements
		failed := map[attempt]*journal.Observation{} // by the first check that did not hold
		finished := false
		for _, e := range events {
			switch {
			case e.RunStart != nil:
				planned = e.RunStart.Identity.Planned
			case e.CaseStart != nil:
				if last[e.Case] == nil {
					last[e.Case] = map[int]*journal.Observation{}
				}
				last[e.Case][e.Attempt] = nil
			case e.Check != nil && e.Check.Held:
				held[attempt{e.Case, e.Attempt}] = append(held[attempt{e.Case, e.Attempt}], e.Check.Requirement)
			case e.Check != nil:
				failed[attempt{e.Case, e.Attempt}] = &journal.Observation{Outcome: journal.Violated, Requirement: e.Check.Requirement, Says: e.Check.What}
			case e.CaseEnd != nil:
				last[e.Case][e.Attempt] = &journal.Observation{Outcome: e.CaseEnd.Outcome, Says: e.CaseEnd.Says}
			case e.RunEnd != nil:
				finished = true
			}
		}
		if !finished || len(planned) == 0 {
			t.Fatalf("exit 0, and the run is finished %v with %d planned cases", finished, len(planned))
		}
		for _, id := range planned {
			kase := caseOf(id)
			if len(last[id]) == 0 {
				t.Fatalf("exit 0, and %s never ran", id)
			}
			for n, o := range last[id] {
				if o == nil {
					t.Fatalf("exit 0, and attempt %d of %s never ended", n, id)
				}
				if (o.Outcome == journal.Violated) != (failed[attempt{id, n}] != nil) && o.Outcome != journal.CouldNotRun {
					t.Fatalf("exit 0, and attempt %d of %s is %s, with a failed check: %v", n, id, o.Outcome, failed[attempt{id, n}])
				}
				if o.Outcome == journal.Violated {
					o = failed[attempt{id, n}]
				}
				for _, requirement := range kase.Verifies {
					if o.Outcome == journal.Held && !slices.Contains(held[attempt{id, n}], requirement) {
						t.Fatalf("exit 0, and nothing of %s was checked in attempt %d of %s", requirement, n, id)
					}
				}
				explained := false
				for _, e := range known.Covering(kase) {
					explained = explained || e.Explains(*o)
				}
				requirement, _ := c.Get(kase.Verifies[0])
				fine := o.Outcome == journal.Held && len(known.Covering(kase)) == 0 ||
					o.Outcome == journal.NotApplicable ||
					o.Outcome == journal.Violated && requirement.Level == catalogue.May ||
					explained && o.Outcome != journal.HarnessError && o.Outcome != journal.Held
				if !fine {
					t.Fatalf("exit 0, and attempt %d of %s is %+v, explained %v", n, id, *o, explained)
				}
			}
		}
	})
}

func caseOf(id string) plan.Case {
	for _, c := range index {
		if c.ID == id {
			return c
		}
	}
	return plan.Case{}
}

func TestAnEmptyListChangesNothing(t *testing.T) {
	c := load(t)
	empty, err := expect.Read("x", []byte("# nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		events := arbitrary(t)
		with := verdict.Build(c, index, verdict.Collate(slices.Values(events)), empty, now)
		without := verdict.Build(c, index, verdict.Collate(slices.Values(events)), nil, now)
		if diff := cmp.Diff(without, with, cmpopts.EquateEmpty(), cmpopts.EquateComparable(release.Range{})); diff != "" {
			t.Fatalf("models differ (-without +with):\n%s", diff)
		}
	})
}

func TestOneProfileIsNeverGraverThanBothUnlessNothingOfItWasSelected(t *testing.T) {
	c := load(t)
	rank := map[int]int{0: 0, 1: 1, 3: 2, 2: 3, 4: 4}
	rapid.Check(t, func(t *rapid.T) {
		m := verdict.Build(c, index, verdict.Collate(slices.Values(arbitrary(t))), arbitraryList(t), now)
		any := verdict.Exit(m, verdict.Any)
		for _, p := range m.Profiles {
			cases := 0
			for _, n := range p.Cases {
				cases += n
			}
			if cases > 0 && p.Exit != verdict.ExitIncomplete && rank[p.Exit] > rank[any] {
				t.Fatalf("%s exits %d, both together %d", p.Name, p.Exit, any)
			}
		}
	})
}

func TestNumbersAddUp(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		m := verdict.Build(c, index, verdict.Collate(slices.Values(arbitrary(t))), arbitraryList(t), now)
		total := 0
		for _, p := range m.Profiles {
			sum := 0
			for _, n := range p.Counts {
				sum += n
			}
			if sum != p.Total {
				t.Fatalf("%s: counts add up to %d of %d", p.Name, sum, p.Total)
			}
			total += sum
		}
		if total != len(c.All()) {
			t.Fatalf("%d requirements in the profiles, %d in the catalogue", total, len(c.All()))
		}
	})
}

// A run counts as clean only with all of its ends: whoever was killed, or lost a line, never says 0.
func TestAJournalThatLacksAnEndIsNeverClean(t *testing.T) {
	s := begin("IMP-001/runner/table", "IMP-001/worker/table")
	s.add(journal.Event{Sandbox: 2, SandboxStart: &journal.SandboxStart{}})
	s.saw("IMP-001/runner/table", journal.Held).saw("IMP-001/worker/table", journal.Held)
	s.add(journal.Event{Sandbox: 2, SandboxEnd: &journal.SandboxEnd{}})
	whole := s.end()
	exit := func(events []journal.Event) int { return verdict.Exit(build(t, events, ""), verdict.Any) }
	if code := exit(whole); code != verdict.ExitConforms {
		t.Fatalf("the whole journal: exit %d", code)
	}
	refused := func(what string, events []journal.Event) {
		if code := exit(events); code != verdict.ExitIncomplete && code != verdict.ExitHarness {
			t.Errorf("%s: exit %d", what, code)
		}
	}
	ends := 0
	for i, e := range whole {
		refused(fmt.Sprintf("the first %d of %d events", i, len(whole)), whole[:i])
		if e.RunEnd != nil || e.SandboxEnd != nil || e.CaseEnd != nil {
			ends++
			refused(fmt.Sprintf("without the %s of sandbox %d, case %q", e.Kind(), e.Sandbox, e.Case), slices.Delete(slices.Clone(whole), i, i+1))
		}
	}
	if ends != 5 {
		t.Errorf("%d ends were taken away", ends)
	}
}
