package message

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestRawOf(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, ""},
		{"true", true, "\xc3"},
		{"small integer", 200, "\xcc\xc8"},
		{"negative integer", int32(-200), "\xd1\xff\x38"},
		{"largest integer", uint64(math.MaxUint64), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"float", 1.0, "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"},
		{"text", "é", "\xa2\xc3\xa9"},
		{"bytes", []byte{0xff}, "\xc4\x01\xff"},
		{"time", time.Unix(1, 0), "\xd6\xff\x00\x00\x00\x01"},
		{"JSON integer", json.Number("18446744073709551615"), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"list", []any{nil, "a", []string{"b"}}, "\x93\xc0\xa1a\x91\xa1b"},
		{"map in the order of its keys", map[string]any{"b": 1, "a": map[string]string{"x": "y"}}, "\x82\xa1a\x81\xa1x\xa1y\xa1b\x01"},
		{"raw", []any{Raw("\x91\x01"), Raw(nil)}, "\x92\x91\x01\xc0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := RawOf(tt.value)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestRawOfRefuses(t *testing.T) {
	deep := any("x")
	for range 101 {
		deep = []any{deep}
	}
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"another type", []any{struct{}{}}, "encode []interface {}: [0]: no MessagePack form for struct {}"},
		{"text that is not UTF-8", map[string]any{"a": "\xff"}, "encode map[string]interface {}: a: string is not UTF-8"},
		{"key that is not UTF-8", map[string]any{"\xff": 1}, "encode map[string]interface {}: string is not UTF-8"},
		{"malformed raw", Raw("\xc1"), "encode message.Raw: malformed at byte 0: reserved byte 0xc1"},
		{"two values as raw", Raw("\xc0\xc0"), "encode message.Raw: malformed at byte 1: 1 bytes after the value"},
		{"year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "encode time.Time: time outside the years 1 to 9999"},
		{"too deep", deep, "more than 100 levels"},
		{"integer of 65 bits", json.Number("18446744073709551616"), "encode json.Number: integer 18446744073709551616 does not fit 64 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := RawOf(tt.value)
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestValueAndJSON(t *testing.T) {
	for _, tt := range []struct {
		name  string
		raw   string
		value any
		json  string // "!" and the error, if there is no JSON
	}{
		{"null", "\xc0", nil, "null"},
		{"integer above 2^53", "\xcf\x00\x20\x00\x00\x00\x00\x00\x01", int64(9007199254740993), "9007199254740993"},
		{"largest integer", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64), "18446744073709551615"},
		{"least integer", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", int64(math.MinInt64), "-9223372036854775808"},
		{"whole float", "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 1.0, "1.0"},
		{"float of 32 bits", "\xca\x3f\x80\x00\x00", 1.0, "1.0"},
		{"large float", "\xcb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", 1e300, "1e+300"},
		{"text", "\xa7\x22\\\n\x01<é", "\"\\\n\x01<é", `"\"\\\n\u0001<é"`},
		{"empty map and list", "\x92\x80\x90", []any{map[string]any{}, []any{}}, "[{},[]]"},
		{"nested nil", "\x81\xa1a\x91\xc0", map[string]any{"a": []any{nil}}, `{"a":[null]}`},
		{"order of keys", "\x82\xa1b\x01\xa1a\x02", map[string]any{"a": int64(2), "b": int64(1)}, `{"b":1,"a":2}`},
		{"timestamp", "\xd6\xff\x00\x00\x00\x01", time.Unix(1, 0).UTC(), `"1970-01-01T00:00:01Z"`},

		{"bytes", "\xc4\x01\xff", []byte{0xff}, "!JSON has no bytes"},
		{"NaN", "\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", []any{math.NaN()}, "![0]: JSON has no infinity and no NaN"},
		{"infinity", "\xca\x7f\x80\x00\x00", math.Inf(1), "!JSON has no infinity and no NaN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value, err := Raw(tt.raw).Value()
			if diff := cmp.Diff(tt.value, value, cmpopts.EquateNaNs()); diff != "" || err != nil {
				t.Errorf("value: %v\n%s", err, diff)
			}
			text, err := Raw(tt.raw).MarshalJSON()
			if want, bad := strings.CutPrefix(tt.json, "!"); bad {
				if err == nil || err.Error() != want {
					t.Errorf("JSON: got %s and %v, want %s", text, err, want)
				}
			} else if err != nil || string(text) != tt.json {
				t.Errorf("JSON: got %s and %v, want %s", text, err, tt.json)
			}
		})
	}
}

func TestValueAndJSONRefuse(t *testing.T) {
	many := append([]byte("\xdd\x00\x40\x00\x01"), bytes.Repeat([]byte{0xc0}, 1<<22+1)...)
	for _, tt := range []struct {
		name      string
		raw       string
		want      string
		jsonTakes bool
	}{
		{"nothing", "", "malformed at byte 0: a value is missing", false},
		{"elements that are not there", "\xdd\xff\xff\xff\xff", "malformed at byte 0: array of 4294967295 announced, 0 bytes left", false},
		{"too deep", strings.Repeat("\x91", 101) + "\xc0", "malformed at byte 100: more than 100 levels", false},
		{"two values", "\xc0\xc0", "malformed at byte 1: 1 bytes after the value", false},
		{"integer as key", "\x81\x01\x01", "expected string as key, got integer", false},
		{"not UTF-8", "\x91\xa1\xff", "[0]: string is not UTF-8", false},
		{"another extension", "\xd4\x05\x00", "expected timestamp, got extension type 5", false},
		{"odd timestamp", "\xd4\xff\x00", "timestamp of 1 bytes", false},
		{"more elements than memory is for", string(many), "more than 4194304 elements", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if v, err := Raw(tt.raw).Value(); err == nil || err.Error() != "decode value: "+tt.want {
				t.Errorf("value: got %v and %v, want %s", v, err, tt.want)
			}
			if text, err := Raw(tt.raw).MarshalJSON(); !tt.jsonTakes && (err == nil || err.Error() != tt.want) {
				t.Errorf("JSON: got %s and %v, want %s", text, err, tt.want)
			}
		})
	}
}

func TestUnmarshalJSON(t *testing.T) {
	for _, tt := range []struct {
		json string
		want string // "!" and the error
	}{
		{"null", ""},
		{` {"b": [1, -1, 1.0, "é"], "a": {}} `, "\x82\xa1b\x94\x01\xff\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa2\xc3\xa9\xa1a\x80"},
		{"9007199254740993", "\xcf\x00\x20\x00\x00\x00\x00\x00\x01"},
		{"18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"1e2", "\xcb\x40\x59\x00\x00\x00\x00\x00\x00"},
		{"18446744073709551616", "!read JSON value: integer 18446744073709551616 does not fit 64 bits"},
		{"1e999", "!read JSON value: number 1e999 does not fit a 64-bit float"},
		{`{"a":1,"a":2}`, `!read JSON value: key "a" stands twice`},
		{strings.Repeat("[", 101) + strings.Repeat("]", 101), "!read JSON value: more than 100 levels"},
		{"[1", "!read JSON value: unexpected EOF"},
		{"1 2", "!read JSON value: more than one value"},
		{"", "!read JSON value: unexpected EOF"},
	} {
		t.Run(tt.json, func(t *testing.T) {
			var got Raw
			err := got.UnmarshalJSON([]byte(tt.json))
			if want, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || err.Error() != want {
					t.Errorf("got %q and %v, want %s", got, err, want)
				}
			} else if err != nil || string(got) != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestValuesComeBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := values().Draw(t, "value")
		raw, err := RawOf(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := raw.Value()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("through MessagePack: %v\n%s", err, diff)
		}
		text, err := raw.MarshalJSON()
		if err != nil || !json.Valid(text) {
			t.Fatalf("JSON %s: %v", text, err)
		}
		var again Raw
		if err := again.UnmarshalJSON(text); err != nil || !bytes.Equal(raw, again) {
			t.Fatalf("through JSON %s: got %x and %v, want %x", text, again, err, raw)
		}
	})
}

func TestDecodedRawSharesThePayload(t *testing.T) {
	payload, err := EncodeRequest(Request{Body: &SetXCom{Value: Raw("\xa5bytes")}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := DecodeRequest(payload)
	if err != nil {
		t.Fatal(err)
	}
	value := r.Body.(*SetXCom).Value
	if i := bytes.Index(payload, []byte("\xa5bytes")); i < 0 || &payload[i] != &value[0] {
		t.Error("the value was copied")
	}
	if cap(value) != len(value) {
		t.Error("appending to the value would overwrite the payload")
	}
}
