package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheLongestCaseComesFirst(t *testing.T) {
	kase := func(id string, budget int64) Case { return Case{ID: id, BudgetMS: budget} }
	same := []Case{kase("a", 60000), kase("b", 60000), kase("c", 60000), kase("d", 60000)}
	for name, c := range map[string]struct {
		cases    []Case
		measured map[string]time.Duration
		want     []string
	}{
		"nothing was measured: by budget":     {[]Case{kase("a", 1), kase("b", 3), kase("c", 2)}, nil, []string{"b", "c", "a"}},
		"nor do budgets differ: as they came": {same, nil, []string{"a", "b", "c", "d"}},
		"all were measured: budgets are limits only": {[]Case{kase("a", 90000), kase("b", 1000), kase("c", 1000)},
			map[string]time.Duration{"a": 1, "b": 2, "c": 3}, []string{"c", "b", "a"}},
		"a new one counts as the median":                  {same, map[string]time.Duration{"b": 1, "c": 5, "d": 9}, []string{"d", "a", "c", "b"}},
		"of new ones the larger budget first":             {[]Case{kase("a", 1), kase("b", 2), kase("c", 0)}, map[string]time.Duration{"c": 7}, []string{"b", "a", "c"}},
		"what others took says nothing about these":       {[]Case{kase("a", 1), kase("b", 2)}, map[string]time.Duration{"z": time.Hour}, []string{"b", "a"}},
		"one that took no time was measured all the same": {same, map[string]time.Duration{"a": 0, "b": 1, "c": 1}, []string{"b", "c", "d", "a"}},
		"no case at all":                                  {nil, map[string]time.Duration{"a": 1}, nil},
	} {
		if diff := cmp.Diff(c.want, IDs(LongestFirst(c.cases, c.measured))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTheCasesStayInTheirOrderForOthers(t *testing.T) {
	cases := []Case{{ID: "a", BudgetMS: 1}, {ID: "b", BudgetMS: 2}}
	LongestFirst(cases, nil)
	if cases[0].ID != "a" {
		t.Error("what was given is in another order: the report and the digest of the plan are by catalogue")
	}
}
