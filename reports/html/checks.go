package html

import (
	"strings"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// check is one comparison that was made, or several that say the same.
type check struct {
	Clause, What     string
	Held, Premise    bool
	Expected, Actual string
	Same             bool // what was expected and what was seen
	Times            int
}

// Bounds of the checks below requirements: lines of all of them together, of one, and of
// one case. The page of a case has all that the model has.
const (
	maxOfAll  = 700
	maxOfRow  = 12
	minOfRow  = 3
	maxOfCase = 6
)

// checksOf lists the checks of a case, those of one requirement or, with "", all of them.
// What says the same several times stands there once.
func checksOf(c verdict.Case, requirement string, width int) []check {
	var list []check
	at := map[check]int{}
	for _, made := range c.Checks {
		if requirement != "" && (made.Requirement != requirement || made.Premise && made.Held) {
			continue
		}
		one := check{
			Clause: visible.Short(made.Clause, 40), What: visible.Short(made.What, width), Held: made.Held, Premise: made.Premise,
			Expected: oneLine(made.Expected, width), Actual: oneLine(made.Actual, width), Same: made.Expected == made.Actual,
		}
		if i, seen := at[one]; seen {
			list[i].Times++
			continue
		}
		at[one] = len(list)
		list = append(list, one)
		list[len(list)-1].Times = 1
	}
	return list
}

func oneLine(text string, width int) string { return visible.Short(strings.TrimSpace(text), width) }

// checked says what a check found, in the words of a line of the sequence.
func checked(made *verdict.Check) string {
	switch {
	case !made.Held:
		return made.Clause + " is violated: " + made.What
	case made.Premise:
		return made.What
	}
	return made.Clause + " holds: " + made.What
}
