package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestRawOfTakesEveryNumberAsItIs(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{int32(-1), "\xff"},
		{int64(math.MinInt64), "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{uint32(300), "\xcd\x01\x2c"},
		{uint64(math.MaxUint64), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{float32(0.5), "\xca\x3f\x00\x00\x00"},
		{json.Number("7"), "\x07"},
		{json.Number("7.0"), "\xcb\x40\x1c\x00\x00\x00\x00\x00\x00"},
		{time.Unix(1, 0), "\xd6\xff\x00\x00\x00\x01"},
		{At(time.Unix(1, 0)), "\xd6\xff\x00\x00\x00\x01"},
		{map[string]string{"b": "2", "a": "1"}, "\x82\xa1a\xa11\xa1b\xa12"},
		{[]string{"x"}, "\x91\xa1x"},
	} {
		got, err := RawOf(tt.in)
		if err != nil || string(got) != tt.want {
			t.Errorf("%T %v: got %x and %v, want %x", tt.in, tt.in, []byte(got), err, tt.want)
		}
	}
}

func TestRawOfRefusesWhatHasNoForm(t *testing.T) {
	deep := any(nil)
	for range 101 {
		deep = []any{deep}
	}
	for name, v := range map[string]any{
		"unknown type":         struct{}{},
		"in a list":            []any{1, struct{}{}},
		"in a map":             map[string]any{"k": make(chan int)},
		"text that is no text": "\xff",
		"such a key":           map[string]any{"\xff": 1},
		"too deep":             deep,
		"number too large":     json.Number("1e999"),
		"integer too large":    json.Number("18446744073709551616"),
		"raw that is cut":      Raw("\x92\x01"),
		"year 10000":           time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := RawOf(v); err == nil {
			t.Errorf("%s: got %x", name, []byte(got))
		}
	}
}

// Callers may ask for a cause although it is wrapped with the place where it was.
func TestErrorsKeepTheirCause(t *testing.T) {
	_, err := Raw("\x81\xa1k\x91\xa1\xff").Value()
	if !errors.Is(err, errNotUTF8) {
		t.Errorf("got %v, want it to wrap %v", err, errNotUTF8)
	}
	if want := "decode value: k[0]: string is not UTF-8"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// An element of a byte must not become a list without end.
func TestValueRefusesTooManyElements(t *testing.T) {
	many := append(Raw("\xdd\x00\x40\x00\x01"), bytes.Repeat([]byte{0xc0}, maxElements+1)...)
	if _, err := many.Value(); err == nil || !strings.Contains(err.Error(), "more than 4194304 elements") {
		t.Errorf("got %v", err)
	}
}

func TestEncodeRefusesWhatIsNoMessage(t *testing.T) {
	type own struct{ GetVariable }
	for name, r := range map[string]Request{
		"none":                 {},
		"a nil pointer":        {Body: (*GetVariable)(nil)},
		"a type of another":    {Body: &own{}},
		"a map that is a list": {Body: &SetRenderedFields{RenderedFields: Raw("\x90")}},
		"text that is no text": {Body: &GetVariable{Key: "\xff"}},
		"such a trace context": {Body: &GetVariable{}, Carrier: map[string]string{"k": "\xff"}},
	} {
		if payload, err := EncodeRequest(r); err == nil {
			t.Errorf("%s: got %x", name, payload)
		}
	}
	if payload, err := EncodeResponse(Response{Err: &ErrorResponse{Detail: Raw("\x01")}}); err == nil {
		t.Errorf("detail that is no map: got %x", payload)
	}
}
