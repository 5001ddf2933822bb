package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/mutant"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func TestAMutantIsJudgedByExactlyItsColours(t *testing.T) {
	model := func(outcomes map[string]journal.Outcome, problems ...verdict.Problem) verdict.Model {
		m := verdict.Model{Problems: problems}
		for id, outcome := range outcomes {
			m.Cases = append(m.Cases, verdict.Case{Case: plan.Case{ID: id}, Observation: journal.Observation{Outcome: outcome}})
		}
		return m
	}
	type colours = map[string]journal.Outcome
	for name, tc := range map[string]struct {
		model verdict.Model
		exit  int
		says  string
	}{
		"as listed":             {model(colours{"red": journal.Violated, "green": journal.Held}), 0, "noticed by 1 cases"},
		"missed":                {model(colours{"red": journal.Held, "green": journal.Held}), 1, "should have noticed"},
		"never played":          {model(colours{"green": journal.Held}), 1, "should have noticed"},
		"one too many":          {model(colours{"red": journal.Violated, "green": journal.Violated}), 1, "green () is red"},
		"a case could not run":  {model(colours{"red": journal.Violated, "green": journal.CouldNotRun}), 4, "green"},
		"a line cannot be read": {model(colours{"red": journal.Violated, "green": journal.Held}, verdict.Problem{Kind: verdict.Ours, Text: "line 7"}), 4, "line 7"},
	} {
		var out bytes.Buffer
		exit := judge(&out, mutant.Mutant{Red: []mutant.Red{{Cases: "red"}}}, tc.model)
		if exit != tc.exit || !strings.Contains(out.String(), tc.says) {
			t.Errorf("%s: exit %d, want %d; says %q, want %q in it", name, exit, tc.exit, out.String(), tc.says)
		}
	}
}

func TestTheOthersAreASampleThatStays(t *testing.T) {
	var all []plan.Case
	for i := range 40 {
		all = append(all, plan.Case{ID: fmt.Sprintf("IMP-%03d/runner/x", i)})
	}
	m := mutant.Mutant{Name: "wrong", Red: []mutant.Red{{Cases: all[3].ID, Clauses: "IMP-003"}}, Unjudged: []string{all[39].ID}}
	ids := func(others int, m mutant.Mutant, cases []plan.Case) []string {
		return plan.IDs(selftestFlags{others: others}.selected(m, cases))
	}
	if got := ids(everyOther, m, all); len(got) != len(all) {
		t.Errorf("all: %d of %d", len(got), len(all))
	}
	if got := ids(0, m, all); !slices.Equal(got, []string{all[3].ID, all[39].ID}) {
		t.Errorf("none beside the listed ones: %q", got)
	}
	if got := ids(100, m, all); len(got) != len(all) {
		t.Errorf("more than there are: %d of %d", len(got), len(all))
	}
	five := ids(5, m, all)
	if len(five) != 7 || !slices.IsSorted(five) {
		t.Errorf("five: %q", five)
	}
	other := m
	other.Name = "otherwise-wrong"
	if slices.Equal(ids(5, other, all), five) {
		t.Errorf("two mutants play the same others: %q", five)
	}
	left := slices.DeleteFunc(slices.Clone(all), func(c plan.Case) bool { return c.ID == "IMP-020/runner/x" || c.ID == "IMP-021/runner/x" })
	moved := 0
	for _, id := range ids(5, m, left) {
		if !slices.Contains(five, id) {
			moved++
		}
	}
	if moved > 2 {
		t.Errorf("without two cases %d others are new", moved)
	}
}

func TestASuggestedEntryThatDoesNotFitIsNamed(t *testing.T) {
	observation := func(says string) journal.Observation {
		return journal.Observation{Outcome: journal.Violated, Says: says}
	}
	kase := plan.Case{ID: "IMP-001/runner/x", Role: role.Runner}
	first := verdict.Model{Cases: []verdict.Case{
		{Case: kase, Verdict: verdict.Fail, Suggestion: expect.Suggest(kase, observation("pid 7 ran"))},
		{Case: plan.Case{ID: "IMP-002/runner/x"}, Verdict: verdict.Pass},
	}}
	known, cases, err := suggested(first)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 1 || !known.file.Entries[0].Explains(observation("pid 8 ran")) {
		t.Fatalf("%d cases, entries\n%s", len(cases), known.text)
	}
	for name, tc := range map[string]struct {
		model verdict.Model
		exit  int
		says  string
	}{
		"fits": {verdict.Model{Cases: []verdict.Case{{Case: kase, Verdict: verdict.ExpectedFail}}}, 0, "✓ 1 suggested entries fit"},
		"does not fit": {verdict.Model{
			Cases:    []verdict.Case{{Case: kase, Verdict: verdict.Fail}},
			Problems: []verdict.Problem{{Kind: verdict.Stale, Text: "does not fit", Pattern: "pid 7", Seen: "pid 8"}},
		}, 1, "pattern  pid 7"},
		"holds":         {verdict.Model{Cases: []verdict.Case{{Case: kase, Verdict: verdict.UnexpectedPass}}}, 1, "unexpected pass"},
		"could not run": {verdict.Model{Cases: []verdict.Case{{Case: kase, Verdict: verdict.CouldNotRun}}}, 4, "could-not-run"},
		"lost sandbox":  {verdict.Model{Problems: []verdict.Problem{{Kind: verdict.Incomplete, Text: "sandbox 1"}}}, 4, "sandbox 1"},
	} {
		var out bytes.Buffer
		if exit := judgeSuggestions(&out, tc.model); exit != tc.exit || !strings.Contains(out.String(), tc.says) {
			t.Errorf("%s: exit %d, want %d; says %q, want %q in it", name, exit, tc.exit, out.String(), tc.says)
		}
	}
}
