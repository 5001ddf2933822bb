// Package ordered ranges over maps in an order that is the same each time.
package ordered

import (
	"iter"
	"maps"
	"slices"
)

// Pairs yields keys, sorted, and values: what a scenario does with each of them, two runs
// do in the same order, and find the same thing first.
func Pairs[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
