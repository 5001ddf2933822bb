package stage

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// DefaultBudget is the time a scenario may take when its Spec names none.
const DefaultBudget = 60 * time.Second

// Spec is one scenario. Registered by Scenario, it becomes one case a role.
type Spec struct {
	Slug     string        // last part of the case id; lower case, words joined by '-'
	Says     string        // one sentence for people: who does what, and what holds
	Verifies []string      // requirement ids, each checked by Require; the first one names the case and takes violated deadlines
	Roles    []role.Role   // roles in which it makes sense
	Needs    []string      // capabilities without which it is not applicable
	Budget   time.Duration // time of the whole case before the slowness of the implementation is applied
	Patience time.Duration // time of one wait for the implementation, before the slowness is applied; default DefaultPatience
	Alters   bool          // it changes what all cases share and cannot put it back: the sandbox ends after it
	Run      func(*Stage)

	Area  string // folder of the scenario, filled by Scenario
	Where string // file and line of the registration, filled by Scenario
}

// registered holds every Spec in the order of registration. Only package
// initialisation adds to it.
var registered []Spec

// Scenario registers spec and returns true, so that a package can say
// "var _ = stage.Scenario(...)". Faults in a Spec are found by package worker's
// validator, which can name them all at once.
func Scenario(spec Spec) bool {
	_, file, line, _ := runtime.Caller(1)
	spec.Area = filepath.Base(filepath.Dir(file))
	spec.Where = place(file, line)
	if spec.Budget == 0 {
		spec.Budget = DefaultBudget
	}
	registered = append(registered, spec)
	return true
}

// Specs returns all registered scenarios.
func Specs() []Spec { return slices.Clone(registered) }

// Cases returns the cases that the scenario stands for, one a role.
func (spec Spec) Cases() []plan.Case {
	var cases []plan.Case
	for _, r := range spec.Roles {
		cases = append(cases, plan.Case{
			ID: spec.caseID(r), Role: r, Area: spec.Area, Says: spec.Says,
			Verifies: spec.Verifies, Needs: spec.Needs, BudgetMS: spec.Budget.Milliseconds(),
		})
	}
	return cases
}

func (spec Spec) caseID(r role.Role) string {
	first := "none"
	if len(spec.Verifies) > 0 {
		first = spec.Verifies[0]
	}
	return strings.Join([]string{first, string(r), spec.Slug}, "/")
}
