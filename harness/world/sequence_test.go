package world_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// The expected lists were written down from Python 3: list(range(5))[a:b:c].
func TestSliceIsPythons(t *testing.T) {
	at := func(i int) *int { return &i }
	values := []any{0, 1, 2, 3, 4}
	for _, test := range []struct {
		name              string
		start, stop, step *int
		want              []any
	}{
		{"[:]", nil, nil, nil, []any{0, 1, 2, 3, 4}},
		{"[1:3]", at(1), at(3), nil, []any{1, 2}},
		{"[-2:]", at(-2), nil, nil, []any{3, 4}},
		{"[:-2]", nil, at(-2), nil, []any{0, 1, 2}},
		{"[-99:99]", at(-99), at(99), nil, []any{0, 1, 2, 3, 4}},
		{"[3:1]", at(3), at(1), nil, []any{}},
		{"[::2]", nil, nil, at(2), []any{0, 2, 4}},
		{"[::-1]", nil, nil, at(-1), []any{4, 3, 2, 1, 0}},
		{"[3:0:-2]", at(3), at(0), at(-2), []any{3, 1}},
		{"[99:-99:-1]", at(99), at(-99), at(-1), []any{4, 3, 2, 1, 0}},
		{"[1::-1]", at(1), nil, at(-1), []any{1, 0}},
		{"[5:]", at(5), nil, nil, []any{}},
	} {
		got, problem := world.Slice(values, test.start, test.stop, test.step)
		if problem != nil {
			t.Errorf("%s: %+v", test.name, problem)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-Python +ours)\n%s", test.name, diff)
		}
	}
	if got, problem := world.Slice(values, nil, nil, at(0)); problem == nil {
		t.Errorf("[::0] gave %v, and Python refuses it", got)
	}
}

func TestItemIsPythons(t *testing.T) {
	values := []any{"a", "b", "c"}
	for offset, want := range map[int]any{0: "a", 2: "c", -1: "c", -3: "a"} {
		if got, ok := world.Item(values, offset); !ok || got != want {
			t.Errorf("values[%d] is %v, %v", offset, got, ok)
		}
	}
	for _, offset := range []int{3, -4} {
		if got, ok := world.Item(values, offset); ok {
			t.Errorf("values[%d] is %v, and should not be there", offset, got)
		}
	}
}

func TestSequenceFollowsTheMapIndex(t *testing.T) {
	w := world.New(shape.Of(shape.Default()))
	for _, index := range []int{2, 0, 10, 1} {
		w.SetXCom(world.XComKey{Dag: "d", Run: "r", Task: "t", Map: index, Key: "k"}, index)
	}
	w.SetXCom(world.XComKey{Dag: "d", Run: "r", Task: "other", Map: 0, Key: "k"}, "not this")
	if diff := cmp.Diff([]any{int64(0), int64(1), int64(2), int64(10)}, w.Sequence("d", "r", "t", "k")); diff != "" {
		t.Error(diff)
	}
}
