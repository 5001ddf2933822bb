package world

import "slices"

// Sequence returns the values that the instances of a task pushed under a key,
// in the order of their map index.
func (w *World) Sequence(dag, run, task, key string) []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []XComKey
	for k := range w.xcoms {
		if k.Dag == dag && k.Run == run && k.Task == task && k.Key == key {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b XComKey) int { return a.Map - b.Map })
	values := make([]any, len(keys))
	for i, k := range keys {
		values[i] = w.xcoms[k]
	}
	return values
}

// Item returns an element as Python's values[offset] does.
func Item(values []any, offset int) (any, bool) {
	if offset < 0 {
		offset += len(values)
	}
	if offset < 0 || offset >= len(values) {
		return nil, false
	}
	return values[offset], true
}

// Slice returns elements as Python's values[start:stop:step] does. A step of 0
// is a problem.
func Slice(values []any, start, stop, step *int) ([]any, *Problem) {
	by, n := 1, len(values)
	if step != nil {
		by = *step
	}
	if by == 0 {
		return nil, &Problem{Status: 422, Detail: "slice step cannot be zero"}
	}
	// Bounds as Python's slice.indices gives them.
	low, high := 0, n
	if by < 0 {
		low, high = -1, n-1
	}
	bound := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	from, to := bound(start, low), bound(stop, high)
	if by < 0 {
		from, to = bound(start, high), bound(stop, low)
	}
	picked := []any{}
	for i := from; by > 0 && i < to || by < 0 && i > to; i += by {
		picked = append(picked, values[i])
	}
	return picked, nil
}
