package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/mutant"
	"github.com/understudy-conformance/understudy/harness/plan"
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
