package verdict_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// TestARequirementHoldsWhenEachOfItsClausesDoes plays one case, or two, of a requirement
// that is cut into six.
func TestARequirementHoldsWhenEachOfItsClausesDoes(t *testing.T) {
	const cut = "IMP-011"
	r, _ := load(t).Get(cut)
	var all []string
	for _, c := range r.Clauses {
		all = append(all, c.ID)
	}
	first, rest, last := all[:1], all[1:], all[len(all)-1]
	type played struct {
		role    role.Role
		clauses []string
		made    []journal.Check
		outcome journal.Outcome
	}
	held := func(clauses []string) (made []journal.Check) {
		for _, id := range clauses {
			made = append(made, journal.Check{Requirement: cut, Clause: id, What: "looked at", Held: true})
		}
		return made
	}
	broken := []journal.Check{{Requirement: cut, Clause: last, What: "is wrong"}}
	for name, c := range map[string]struct {
		cases  []played
		want   verdict.Verdict
		roles  map[role.Role]verdict.Verdict
		tested int
	}{
		"all in one case":           {[]played{{role.Runner, all, held(all), journal.Held}}, verdict.Pass, map[role.Role]verdict.Verdict{"runner": verdict.Pass}, 6},
		"in two cases":              {[]played{{role.Runner, first, held(first), journal.Held}, {role.Runner, rest, held(rest), journal.Held}}, verdict.Pass, map[role.Role]verdict.Verdict{"runner": verdict.Pass}, 6},
		"some":                      {[]played{{role.Runner, rest, held(rest), journal.Held}}, verdict.PartlyHeld, map[role.Role]verdict.Verdict{"runner": verdict.PartlyHeld}, 5},
		"the others in another":     {[]played{{role.Runner, first, held(first), journal.Held}, {role.Worker, rest, held(rest), journal.Held}}, verdict.PartlyHeld, map[role.Role]verdict.Verdict{"runner": verdict.PartlyHeld, "worker": verdict.PartlyHeld}, 6},
		"one role all, one some":    {[]played{{role.Runner, all, held(all), journal.Held}, {role.Worker, rest, held(rest), journal.Held}}, verdict.PartlyHeld, map[role.Role]verdict.Verdict{"runner": verdict.Pass, "worker": verdict.PartlyHeld}, 6},
		"one is broken at the end":  {[]played{{role.Runner, all, append(held(all[:5]), broken...), journal.Violated}}, verdict.Fail, map[role.Role]verdict.Verdict{"runner": verdict.Fail}, 6},
		"one is broken at once":     {[]played{{role.Runner, all, broken, journal.Violated}}, verdict.Fail, map[role.Role]verdict.Verdict{"runner": verdict.Fail}, 1},
		"some, the rest cannot run": {[]played{{role.Runner, first, held(first), journal.Held}, {role.Runner, rest, nil, journal.CouldNotRun}}, verdict.CouldNotRun, map[role.Role]verdict.Verdict{"runner": verdict.CouldNotRun}, 1},
		"some, the rest is nothing": {[]played{{role.Runner, first, held(first), journal.Held}, {role.Runner, rest, nil, journal.NotApplicable}}, verdict.Pass, map[role.Role]verdict.Verdict{"runner": verdict.Pass}, 1},
		"one listed and not made":   {[]played{{role.Runner, all, held(rest), journal.Held}}, verdict.HarnessError, map[role.Role]verdict.Verdict{"runner": verdict.HarnessError}, 0},
		"one made and not listed":   {[]played{{role.Runner, rest, held(all), journal.Held}}, verdict.HarnessError, map[role.Role]verdict.Verdict{"runner": verdict.HarnessError}, 0},
	} {
		var cases []plan.Case
		for i, p := range c.cases {
			cases = append(cases, plan.Case{ID: cut + "/" + string(p.role) + "/" + string(rune('a'+i)), Role: p.role, Area: "impersonation", Verifies: []string{cut}, Parts: p.clauses})
		}
		s := begin(plan.IDs(cases)...)
		for i, p := range c.cases {
			s.started(cases[i].ID)
			for _, made := range p.made {
				s.add(journal.Event{Sandbox: 1, Case: cases[i].ID, Check: &made})
			}
			s.add(journal.Event{Sandbox: 1, Case: cases[i].ID, CaseEnd: journal.End(journal.Observation{Outcome: p.outcome, Says: "so it was"}, 1)})
		}
		m := verdict.Build(load(t), cases, verdict.Collate(slices.Values(s.end())), nil, now)
		row := m.Requirements[slices.IndexFunc(m.Requirements, func(r verdict.Requirement) bool { return r.ID == cut })]
		if row.Verdict != c.want || !maps.Equal(row.Roles, c.roles) {
			t.Errorf("%s: %s %v, want %s %v", name, row.Verdict, row.Roles, c.want, c.roles)
		}
		hardened := m.Profiles[slices.IndexFunc(m.Profiles, func(p verdict.Profile) bool { return p.Name == catalogue.Hardened })]
		if hardened.Tested != c.tested || hardened.Clauses <= hardened.Total {
			t.Errorf("%s: %d of %d clauses tested, want %d", name, hardened.Tested, hardened.Clauses, c.tested)
		}
		if holds := hardened.Holds() == 1; holds != (c.want == verdict.Pass) {
			t.Errorf("%s: %d hold", name, hardened.Holds())
		}
		if c.want == verdict.PartlyHeld && m.Answer(catalogue.Hardened).Conclusion == verdict.Conforms {
			t.Errorf("%s: it conforms", name)
		}
		if diff := cmp.Diff(len(row.Cases), len(cases)); diff != "" {
			t.Errorf("%s: cases: %s", name, diff)
		}
	}
}
