package main

import (
	"bytes"
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
		"missed":                {model(colours{"red": journal.Held, "green": journal.Held}), 1, "red should have noticed"},
		"never played":          {model(colours{"green": journal.Held}), 1, "red should have noticed"},
		"one too many":          {model(colours{"red": journal.Violated, "green": journal.Violated}), 1, "green is red"},
		"a case could not run":  {model(colours{"red": journal.Violated, "green": journal.CouldNotRun}), 4, "green"},
		"a line cannot be read": {model(colours{"red": journal.Violated, "green": journal.Held}, verdict.Problem{Kind: verdict.Ours, Text: "line 7"}), 4, "line 7"},
	} {
		var out bytes.Buffer
		exit := judge(&out, mutant.Mutant{Red: []string{"red"}}, tc.model)
		if exit != tc.exit || !strings.Contains(out.String(), tc.says) {
			t.Errorf("%s: exit %d, want %d; says %q, want %q in it", name, exit, tc.exit, out.String(), tc.says)
		}
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
