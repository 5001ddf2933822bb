package message

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// bodies draws a message of a direction with every field filled at random.
func bodies(d Direction) *rapid.Generator[Body] {
	return rapid.Custom(func(t *rapid.T) Body {
		return drawer{}.body(t, d, rapid.SampledFrom(Types(d)).Draw(t, "type"))
	})
}

// drawer fills messages at random. The zero value knows no rules but those of
// this package.
type drawer struct {
	// present decides whether a field that may be left out is there; nil draws it.
	present func(t *rapid.T, label string) bool
	// special fills a field of its own accord, and says whether it did.
	special func(t *rapid.T, owner reflect.Type, f reflect.StructField, v reflect.Value) bool
}

func (d drawer) body(t *rapid.T, direction Direction, name string) Body {
	body, err := New(direction, name)
	if err != nil {
		t.Fatal(err)
	}
	d.value(t, reflect.ValueOf(body).Elem(), "body", "")
	return body
}

func (d drawer) has(t *rapid.T, label string) bool {
	if d.present != nil {
		return d.present(t, label)
	}
	return rapid.Bool().Draw(t, label+" present")
}

// value fills v with what its type and tag permit. Lists and maps that may be
// left out are nil or not; required lists are never nil, since decoding gives
// an empty one.
func (d drawer) value(t *rapid.T, v reflect.Value, label, wire string) {
	switch p := v.Addr().Interface().(type) {
	case *Raw:
		*p = rawValues(wire == "map").Draw(t, label)
		return
	case *Time:
		*p = times().Draw(t, label)
		return
	case *NullString:
		if d.has(t, label) {
			s := rapid.String().Draw(t, label)
			p.Value = &s
		}
		return
	case *EndState:
		*p = rapid.SampledFrom([]EndState{StateFailed, StateSkipped, StateRemoved}).Draw(t, label)
		return
	case *SkippedTask:
		p.TaskID = rapid.String().Draw(t, label)
		if d.has(t, label) {
			n := rapid.Int().Draw(t, label)
			p.MapIndex = &n
		}
		return
	case interface{ UnmarshalText([]byte) error }:
		v.SetString(v.Interface().(interface{ text() string }).text())
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, label))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, label))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, label))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, label))
	case reflect.Struct:
		d.fields(t, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(t, v.Elem(), label, wire)
	case reflect.Slice:
		least := 0
		if wire == "nonempty" {
			least = 1
		}
		n := rapid.IntRange(least, 3).Draw(t, label)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			d.value(t, v.Index(i), fmt.Sprintf("%s[%d]", label, i), "")
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, label)))
	default:
		t.Fatalf("%s: cannot draw %v", label, v.Type())
	}
}

func (d drawer) fields(t *rapid.T, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		optional := strings.Contains(f.Tag.Get("json"), ",") || f.Type.Kind() == reflect.Pointer
		if optional && !d.has(t, v.Type().Name()+"."+f.Name) {
			continue
		}
		if d.special == nil || !d.special(t, v.Type(), f, v.Field(i)) {
			d.value(t, v.Field(i), f.Name, f.Tag.Get("wire"))
		}
	}
}

// times draws instants that MessagePack, JSON and Python have.
func times() *rapid.Generator[Time] {
	return rapid.Custom(func(t *rapid.T) Time {
		least := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		most := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
		second := rapid.OneOf(
			rapid.Int64Range(least, most),
			rapid.Int64Range(0, math.MaxUint32),
			rapid.SampledFrom([]int64{least, -1, 0, 1, math.MaxUint32, math.MaxUint32 + 1, 1<<34 - 1, 1 << 34, most}),
		).Draw(t, "second")
		nanosecond := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 999_999_999)).Draw(t, "nanosecond")
		return At(time.Unix(second, nanosecond))
	})
}

// values draws what JSON can hold, in the Go types that Raw.Value gives.
func values() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), toAny),
		rapid.Map(rapid.Int64(), toAny),
		rapid.Map(rapid.Uint64Range(1<<63, math.MaxUint64), toAny),
		rapid.Map(rapid.Float64(), toAny),
		rapid.Map(rapid.String(), toAny),
	)
	inner := rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(leaf, 0, 40), toAny),
		rapid.Map(rapid.MapOfN(rapid.String(), leaf, 0, 20), toAny))
	return rapid.OneOf(inner,
		rapid.Map(rapid.SliceOfN(inner, 0, 4), toAny),
		rapid.Map(rapid.MapOfN(rapid.String(), inner, 0, 4), toAny))
}

func toAny[T any](v T) any { return v }

// rawValues draws values as Raw, only maps on demand.
func rawValues(maps bool) *rapid.Generator[Raw] {
	g := values()
	if maps {
		g = rapid.Map(rapid.MapOfN(rapid.String(), values(), 0, 3), toAny)
	}
	return rapid.Map(g, func(v any) Raw {
		r, err := RawOf(v)
		if err != nil {
			panic(err)
		}
		return r
	})
}
