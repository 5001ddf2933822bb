package verdict_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func stale(m verdict.Model) []verdict.Problem {
	var list []verdict.Problem
	for _, p := range m.Problems {
		if p.Kind == verdict.Stale {
			list = append(list, p)
		}
	}
	return list
}

func TestAStaleEntryShowsItsPatternAndWhatWasSeen(t *testing.T) {
	id := index[0].ID
	m := build(t, begin(id).saw(id, journal.Violated).end(), entry(id, "  actual: process 69"))
	want := []verdict.Problem{{
		Kind: verdict.Stale, Text: "expectations.yaml:1 " + id + " describes nothing that was seen: its pattern does not fit",
		Pattern: "process 69", Seen: id + " (violated)\nseen\n\nuid 61001",
	}}
	if diff := cmp.Diff(want, stale(m)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	m = build(t, begin(id).saw(id, journal.Violated).end(), entry(id, "  actual: uid 61001\n  outcome: could-not-run"))
	if got := stale(m); len(got) != 1 || got[0].Text != "expectations.yaml:1 "+id+" describes nothing that was seen: nothing ended as could-not-run" || got[0].Seen == "" {
		t.Errorf("with another outcome: %+v", got)
	}
}

func TestAnEntryThatNoLongerHappensIsToldOnceACase(t *testing.T) {
	id := index[0].ID
	s := begin(id)
	for attempt := 1; attempt <= 3; attempt++ {
		s.add(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, CaseStart: &journal.CaseStart{}}).acted(id, attempt)
		s.endedAt(id, attempt, journal.Observation{Outcome: journal.Held})
	}
	m := build(t, s.end(), entry(id, "  actual: uid 61001"))
	if got := stale(m); len(got) != 1 || got[0].Case != id || got[0].Pattern != "uid 61001" || got[0].Seen != "" {
		t.Errorf("problems: %+v, want one about the case", got)
	}
}

func TestNoEntryIsSuggestedWhereNobodyLooked(t *testing.T) {
	id := index[0].ID
	failed := journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task of the worker account does not succeed"}
	m := build(t, begin(id).
		add(journal.Event{Sandbox: 1, Control: &journal.Control{Role: "runner", Observation: failed}}).
		started(id).ended(id, failed).end(), "")
	if c := m.Cases[0]; c.Verdict != verdict.CouldNotRun || c.Suggestion != "" {
		t.Errorf("after a failed control: %s, suggestion %q", c.Verdict, c.Suggestion)
	}
	m = build(t, begin(id).started(id).ended(id, journal.Observation{Outcome: journal.CouldNotRun, Says: "the run was interrupted"}).end(), "")
	if c := m.Cases[0]; c.Suggestion != "" {
		t.Errorf("of an interrupted case: suggestion %q", c.Suggestion)
	}
	own := journal.Observation{Outcome: journal.CouldNotRun, Says: "no sudo process was seen", Where: "scenarios/x.go:7"}
	m = build(t, begin(id).started(id).acted(id, 0).ended(id, own).end(), "")
	if c := m.Cases[0]; c.Suggestion == "" {
		t.Error("no entry for what a scenario found missing in the sandbox")
	}
}
