package stage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// DefaultBudget is the time a scenario may take when its Spec names none.
const DefaultBudget = 60 * time.Second

// Area is what a folder below scenarios exports: all scenarios that stand in it.
type Area struct {
	Name      string // as the catalogue and the folder call it
	Scenarios []Spec
}

// Spec is one scenario, which becomes one case a role. Faults in it are found by
// worker.Index, which names all of them at once.
type Spec struct {
	Slug     string        // last part of the case id; lower case, words joined by '-'
	Says     string        // one sentence for people: who does what, and what holds
	Verifies []string      // ids of clauses, each checked by Require; the first one names the case and takes violated deadlines
	Roles    []role.Role   // roles in which Run makes sense
	Needs    []string      // capabilities without which it is not applicable
	Budget   time.Duration // time of the whole case before the slowness of the implementation is applied; default DefaultBudget
	Patience time.Duration // time of one wait for the implementation, before the slowness is applied; default DefaultPatience
	Alters   bool          // it changes what all cases share and cannot put it back: the sandbox ends after it
	Run      func(*Stage)  // what is done in each of Roles, in words that every role has
	Alone    Script        // instead of Roles and Run: what is done in one role, whose own words it may use: runner.Script, worker.Script
}

// In lists the roles in which the scenario is played.
func (spec Spec) In() []role.Role {
	if spec.Alone != nil {
		return spec.Alone.Roles()
	}
	return spec.Roles
}

func (spec Spec) play(s *Stage) {
	if spec.Alone != nil {
		spec.Alone.Play(s, s.door)
		return
	}
	spec.Run(s)
}

// Cases returns the cases that the scenario stands for in the area of that name, one
// a role.
func (spec Spec) Cases(area string) []plan.Case {
	var requirements, parts []string
	for _, clause := range spec.Verifies {
		if id := catalogue.Of(clause); !slices.Contains(requirements, id) {
			requirements = append(requirements, id)
		}
	}
	if !slices.Equal(requirements, spec.Verifies) {
		parts = spec.Verifies
	}
	var cases []plan.Case
	for _, r := range spec.In() {
		cases = append(cases, plan.Case{
			ID: spec.caseID(r), Role: r, Area: area, Says: spec.Says,
			Verifies: requirements, Parts: parts, Needs: spec.Needs, BudgetMS: cmp.Or(spec.Budget, DefaultBudget).Milliseconds(),
		})
	}
	return cases
}

func (spec Spec) caseID(r role.Role) string {
	first := "none"
	if len(spec.Verifies) > 0 {
		first = catalogue.Of(spec.Verifies[0])
	}
	return strings.Join([]string{first, string(r), spec.Slug}, "/")
}
