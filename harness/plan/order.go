package plan

import (
	"cmp"
	"slices"
	"time"
)

// LongestFirst returns the cases in the order in which sandboxes take them from one queue, so that all
// sandboxes end at about the same time. What counts is how long a case took when it was last measured, by
// its id; one that was never measured counts as the median of those that were, or, where none was, as
// its budget. Among equals the larger budget comes first, and then the order of the cases.
func LongestFirst(cases []Case, measured map[string]time.Duration) []Case {
	var known []time.Duration
	for _, c := range cases {
		if took, is := measured[c.ID]; is {
			known = append(known, took)
		}
	}
	slices.Sort(known)
	estimate := func(c Case) time.Duration {
		took, is := measured[c.ID]
		switch {
		case is:
			return took
		case len(known) > 0:
			return known[len(known)/2]
		}
		return c.Budget()
	}
	ordered := slices.Clone(cases)
	slices.SortStableFunc(ordered, func(a, b Case) int {
		return cmp.Or(cmp.Compare(estimate(b), estimate(a)), cmp.Compare(b.BudgetMS, a.BudgetMS))
	})
	return ordered
}
