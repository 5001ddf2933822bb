package world_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// values draws what a task can push: nested, with large integers, floats that
// are whole, empty lists and maps, null, and text beyond ASCII.
func values() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Custom(func(t *rapid.T) any { return rapid.Uint64Range(math.MaxInt64+1, math.MaxUint64).Draw(t, "above int64") }),
		rapid.Float64().AsAny(),
		rapid.Custom(func(t *rapid.T) any { return float64(rapid.IntRange(-10, 10).Draw(t, "whole float")) }),
		rapid.String().Filter(func(s string) bool { return strings.ToValidUTF8(s, "") == s }).AsAny(),
	)
	return rapid.Deferred(func() *rapid.Generator[any] { return nested(leaf, 3) })
}

func nested(leaf *rapid.Generator[any], depth int) *rapid.Generator[any] {
	if depth == 0 {
		return leaf
	}
	inner := nested(leaf, depth-1)
	return rapid.OneOf(
		leaf,
		rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(inner, 0, 4).Draw(t, "list") }),
		rapid.Custom(func(t *rapid.T) any {
			return rapid.MapOfN(rapid.StringMatching(`[a-zä"<]{0,6}`), inner, 0, 4).Draw(t, "map")
		}),
	)
}

func TestJSONKeepsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := world.Canonical(values().Draw(t, "value"))
		text, err := world.AppendJSON(nil, value)
		if err != nil {
			t.Fatalf("write %#v: %v", value, err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		var back any
		if err := decoder.Decode(&back); err != nil {
			t.Fatalf("read %s: %v", text, err)
		}
		if diff := cmp.Diff(value, world.Canonical(back)); diff != "" {
			t.Fatalf("%s (-stored +read)\n%s", text, diff)
		}
	})
}

func TestMessagePackKeepsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := world.Canonical(values().Draw(t, "value"))
		raw, err := message.RawOf(value)
		if err != nil {
			t.Fatalf("encode %#v: %v", value, err)
		}
		back, err := raw.Value()
		if err != nil {
			t.Fatalf("decode %x: %v", []byte(raw), err)
		}
		if diff := cmp.Diff(value, world.Canonical(back)); diff != "" {
			t.Fatalf("-stored +read\n%s", diff)
		}
	})
}

func TestCanonicalMakesEqualWhatIsEqualToATask(t *testing.T) {
	for name, pair := range map[string][2]any{
		"integer types": {int8(7), uint64(7)},
		"number text":   {json.Number("9007199254740993"), int64(9007199254740993)},
		"large":         {json.Number("18446744073709551615"), uint64(math.MaxUint64)},
		"typed list":    {[]int{1, 2}, []any{int64(1), int64(2)}},
		"typed map":     {map[string]string{"a": "b"}, map[string]any{"a": "b"}},
		"float":         {json.Number("1.0"), 1.0},
		"deep":          {[]any{map[string]any{"n": uint8(1)}}, []any{map[string]any{"n": int64(1)}}},
	} {
		if diff := cmp.Diff(world.Canonical(pair[0]), world.Canonical(pair[1])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if cmp.Equal(world.Canonical(json.Number("1")), world.Canonical(json.Number("1.0"))) {
		t.Error("1 and 1.0 are the same value, and must not be")
	}
}

func TestJSONRefusesWhatItCannotHold(t *testing.T) {
	for name, value := range map[string]any{
		"not a number": math.NaN(), "infinite": math.Inf(1), "in a list": []any{math.NaN()},
		"in a map": map[string]any{"a": math.Inf(-1)}, "no canonical form": struct{}{},
	} {
		if text, err := world.AppendJSON(nil, value); err == nil {
			t.Errorf("%s was written as %s", name, text)
		}
	}
}
