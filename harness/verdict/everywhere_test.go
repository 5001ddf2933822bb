package verdict_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// everywhere are cases that have to hold everywhere and one in which something is seen.
func everywhere() []plan.Case {
	return []plan.Case{
		{ID: "IMP-001/worker/x", Role: role.Worker, Area: "impersonation", Verifies: []string{"IMP-001"}},
		{ID: "SEC-001/supervisor/everywhere", Role: role.Supervisor, Area: "security", Verifies: []string{"SEC-001"}, Parts: []string{"SEC-001.arguments", "SEC-001.file"}},
		{ID: "SEC-001/worker/everywhere", Role: role.Worker, Area: "security", Verifies: []string{"SEC-001"}, Parts: []string{"SEC-001.arguments", "SEC-001.file"}},
	}
}

// play begins a run of them all; each holds.
func playEverywhere(witnesses ...journal.Event) *verdict.Runs {
	cases := everywhere()
	s := begin(plan.IDs(cases)...)
	for _, c := range cases {
		s.started(c.ID)
		for _, clause := range c.Clauses() {
			s.add(journal.Event{Sandbox: 1, Case: c.ID, Check: &journal.Check{Requirement: c.Verifies[0], Clause: clause, What: "looked at", Held: true}})
		}
		for _, w := range witnesses {
			if w.Case == c.ID || w.Case == "" && c.ID == cases[0].ID {
				w.Sandbox = 1
				s.add(w)
			}
		}
		s.add(journal.Event{Sandbox: 1, Case: c.ID, CaseEnd: journal.End(journal.Observation{Outcome: journal.Held}, 1)})
	}
	return verdict.Collate(slices.Values(s.end()))
}

func saw(in, clause string, as role.Role, actual string) journal.Event {
	return journal.Event{Case: in, Witness: &journal.Witness{Role: as, Clause: clause, What: "the token is there", Expected: "nowhere", Actual: actual}}
}

func TestAWitnessViolatesTheCaseEverywhereOfItsRoleAndNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		seen   []journal.Event
		want   map[string]verdict.Verdict // of those that do not pass
		actual string                     // of the worker's
	}{
		"nothing": {},
		"in a case": {
			[]journal.Event{saw("IMP-001/worker/x", "SEC-001.file", role.Worker, "in a file")},
			map[string]verdict.Verdict{"SEC-001/worker/everywhere": verdict.Fail}, "in IMP-001/worker/x: in a file",
		},
		"in the control": {
			[]journal.Event{saw("", "SEC-001.file", role.Worker, "in a file")},
			map[string]verdict.Verdict{"SEC-001/worker/everywhere": verdict.Fail}, "in the control: in a file",
		},
		"the first clause, three times and more": {
			[]journal.Event{
				saw("IMP-001/worker/x", "SEC-001.file", role.Worker, "f"), saw("IMP-001/worker/x", "SEC-001.arguments", role.Worker, "a"),
				saw("IMP-001/worker/x", "SEC-001.arguments", role.Worker, "b"), saw("IMP-001/worker/x", "SEC-001.arguments", role.Worker, "c"),
				saw("", "SEC-001.arguments", role.Worker, "z"),
			},
			map[string]verdict.Verdict{"SEC-001/worker/everywhere": verdict.Fail},
			"in the control: z\nin IMP-001/worker/x: a\nin IMP-001/worker/x: b\nand more: 4 in all",
		},
		"of another requirement": {[]journal.Event{saw("IMP-001/worker/x", "SEC-004.same-user", role.Worker, "s")}, nil, ""},
	} {
		m := verdict.Build(load(t), everywhere(), playEverywhere(c.seen...), nil, now)
		for _, kase := range m.Cases {
			want := c.want[kase.ID]
			if want == "" {
				want = verdict.Pass
			}
			if kase.Verdict != want {
				t.Errorf("%s: %s is %s, want %s", name, kase.ID, kase.Verdict, want)
			}
			if kase.ID == "SEC-001/worker/everywhere" && kase.Observation.Actual != c.actual {
				t.Errorf("%s: actual %q, want %q", name, kase.Observation.Actual, c.actual)
			}
		}
		if len(m.Problems) > 0 {
			t.Errorf("%s: %v", name, m.Problems)
		}
	}
}

func TestAClauseOfWhichAnotherWasSeenBrokenTooIsNotShown(t *testing.T) {
	m := verdict.Build(load(t), everywhere(), playEverywhere(
		saw("IMP-001/worker/x", "SEC-001.arguments", role.Worker, "a"), saw("IMP-001/worker/x", "SEC-001.file", role.Worker, "f"),
	), nil, now)
	for _, r := range m.Requirements {
		for _, clause := range r.Clauses {
			if want := map[string]verdict.Verdict{"SEC-001.arguments": verdict.Fail, "SEC-001.file": verdict.NotShown}[clause.ID]; want != "" && clause.Roles[role.Worker] != want {
				t.Errorf("%s is %s, want %s", clause.ID, clause.Roles[role.Worker], want)
			}
		}
	}
}

func TestOfJoinedRunsAWitnessOfTheCaseThatCountsIsHeard(t *testing.T) {
	seen := saw("IMP-001/worker/x", "SEC-001.file", role.Worker, "in a file")
	for name, c := range map[string]struct {
		older, newer *verdict.Runs
		want         verdict.Verdict
	}{
		"the newer one": {playEverywhere(), playEverywhere(seen), verdict.Fail},
		"the older one": {playEverywhere(seen), playEverywhere(), verdict.Pass},
	} {
		joined, err := verdict.Join(c.older, c.newer)
		if err != nil {
			t.Fatal(err)
		}
		m := verdict.Build(load(t), everywhere(), joined, nil, now)
		i := slices.IndexFunc(m.Cases, func(c verdict.Case) bool { return strings.HasPrefix(c.ID, "SEC-001/worker") })
		if m.Cases[i].Verdict != c.want {
			t.Errorf("%s: %s, want %s", name, m.Cases[i].Verdict, c.want)
		}
	}
}
