package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/mutant"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/internal/glob"
	"github.com/understudy-conformance/understudy/scenarios"
)

// unproven lists the clauses of a MUST that a case checks and no mutant turns red: nobody
// has seen that check fail. It must not grow, and shrinks with each mutant.
const unproven = "../../scenarios/mutants/unproven.txt"

func TestEachCheckHasBeenSeenToFail(t *testing.T) {
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := mutant.Load(scenarios.Mutants())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		for _, r := range m.Red {
			if fits(r, all.index) == 0 {
				t.Errorf("mutant %s: no case %s checks %s", m.Name, r.Cases, r.Clauses)
			}
		}
	}
	var left []string
	for _, r := range all.catalogue.All() {
		for _, clause := range r.Clauses {
			if r.Level == catalogue.Must && len(checking(clause.ID, all.index)) > 0 && !slices.ContainsFunc(mutants, func(m mutant.Mutant) bool { return proves(m, clause.ID, all.index) }) {
				left = append(left, clause.ID)
			}
		}
	}
	slices.Sort(left)
	text := strings.Join(append(left, ""), "\n")
	if *update {
		if err := os.WriteFile(unproven, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(unproven)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("checks that no mutant turns red: write a mutant, or strike a clause that has one now (-update) (-listed +there are):\n%s", diff)
	}
}

// fits counts the cases of which a line of a mutant speaks.
func fits(r mutant.Red, index []plan.Case) (n int) {
	for _, c := range index {
		if glob.Match(r.Cases, c.ID) && (r.Clauses == "" || slices.ContainsFunc(c.Clauses(), func(id string) bool { return glob.Match(r.Clauses, id) })) {
			n++
		}
	}
	return n
}

// proves says whether a line of the mutant names the clause, for a case that checks it.
func proves(m mutant.Mutant, clause string, index []plan.Case) bool {
	return slices.ContainsFunc(m.Red, func(r mutant.Red) bool {
		return r.Clauses != "" && glob.Match(r.Clauses, clause) && fits(r, checking(clause, index)) > 0
	})
}
