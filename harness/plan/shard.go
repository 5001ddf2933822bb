package plan

import (
	"cmp"
	"slices"
)

// Shards divides the cases over at most n sandboxes so that the sums of their
// budgets are close. Every case is in exactly one shard, no shard is empty, and
// within a shard the order of the cases is kept. The same cases and n give the
// same shards.
func Shards(cases []Case, n int) [][]Case {
	n = min(max(n, 1), len(cases))
	if n == 0 {
		return nil
	}
	order := make([]int, len(cases)) // indices, longest budget first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cases[b].BudgetMS, cases[a].BudgetMS) })
	shards := make([][]int, n)
	load := make([]int64, n)
	for _, i := range order {
		least := 0
		for s := range load {
			if load[s] < load[least] {
				least = s
			}
		}
		shards[least] = append(shards[least], i)
		load[least] += max(cases[i].BudgetMS, 1)
	}
	result := make([][]Case, n)
	for s, indices := range shards {
		slices.Sort(indices)
		for _, i := range indices {
			result[s] = append(result[s], cases[i])
		}
	}
	return result
}
