package message

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds are payloads of both directions, right and wrong ones.
func seeds(f *testing.F) {
	for _, v := range []any{
		[]any{0, object{"type": "ResendLoggingFD"}, nil},
		[]any{1, object{"type": "SetXCom", "key": "k", "value": object{"a": []any{1, 2.5, "x", nil, true}}, "dag_id": "d", "run_id": "r", "task_id": "t"}, nil},
		[]any{1, object{"type": "MaskSecret", "value": "s", "name": nil}, object{"traceparent": "00-1"}},
		[]any{2, object{"type": "SucceedTask", "end_date": "2026-11-21T21:46:05.867974Z", "task_outlets": []any{object{"type": "Asset"}}, "outlet_events": []any{}}, nil},
		[]any{2, object{"type": "SkipDownstreamTasks", "tasks": []any{"a", []any{"b", 1}}}},
		[]any{3, object{"type": "GetAssetEventByAsset", "extra": object{"a": "b"}}},
		[]any{0, object{"type": "StartupDetails", "ti": examples["ti"], "dag_rel_path": "x.py", "bundle_info": object{"name": "b"},
			"start_date": "2026-11-21T21:46:05Z", "ti_context": object{"dag_run": exampleRun, "max_tries": 0}, "sentry_integration": ""}, nil},
		[]any{3, object{"type": "ConnectionResult", "conn_id": "c", "conn_type": "t", "password": "p"}, nil},
		[]any{3, object{"type": "XComSequenceSliceResult", "root": []any{1, nil, "x"}}, nil},
		[]any{3, nil, object{"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": object{"status_code": nil}}},
		[]any{3},
	} {
		raw, err := RawOf(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(raw))
		f.Add([]byte(raw[:len(raw)-len(raw)/3]))
	}
	for _, s := range []string{"", "\xc1", "\x90", "\xdd\xff\xff\xff\xff", "\x93\x07\x81\xa4type" + strings.Repeat("\x91", 120), "\x93\x00\xc0\xc0\x00"} {
		f.Add([]byte(s))
	}
}

func FuzzDecodeRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		keys := Keys(payload)
		first, err := DecodeRequest(payload)
		if err != nil {
			checkFailure(t, err, len(payload))
			return
		}
		if !slices.Contains(keys, "type") {
			t.Fatalf("decoded as %s, and its keys are %q", first.Body.MessageType(), keys)
		}
		again, err := EncodeRequest(first)
		if err != nil {
			t.Fatalf("decoded and not encodable: %v", err)
		}
		second, err := DecodeRequest(again)
		if diff := cmp.Diff(first, second); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		jsonDoesNotPanic(first.Body)
	})
}

func FuzzDecodeResponse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		first, err := DecodeResponse(payload)
		if err != nil {
			checkFailure(t, err, len(payload))
			return
		}
		again, err := EncodeResponse(first)
		if err != nil {
			t.Fatalf("decoded and not encodable: %v", err)
		}
		second, err := DecodeResponse(again)
		if diff := cmp.Diff(first, second); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		jsonDoesNotPanic(first.Body)
	})
}

func checkFailure(t *testing.T, err error, size int) {
	t.Helper()
	var decode *DecodeError
	if !errors.As(err, &decode) || decode.Err == nil {
		t.Fatalf("got %#v, want a DecodeError", err)
	}
	var malformed *MalformedError
	if errors.As(err, &malformed) && (malformed.Offset < 0 || malformed.Offset > size) {
		t.Fatalf("offset %d of %d bytes", malformed.Offset, size)
	}
}

// jsonDoesNotPanic does what the HTTP side does with a body. Values that JSON
// does not have are refused there.
func jsonDoesNotPanic(body Body) { _, _ = json.Marshal(body) }

func FuzzDescribe(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, d := range []Direction{ToSupervisor, ToRunner} {
			checkLine(t, Describe(payload, d))
		}
	})
}

func FuzzRaw(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		value, err := Raw(payload).Value()
		if err == nil {
			if _, err := RawOf(value); err != nil {
				t.Fatalf("no way back from %v: %v", value, err)
			}
		}
		text, err := Raw(payload).MarshalJSON()
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("no JSON: %s", text)
		}
		var again Raw
		if err := again.UnmarshalJSON(text); err == nil {
			if second, err := again.MarshalJSON(); err != nil || string(second) != string(text) {
				t.Fatalf("%s became %s (%v)", text, second, err)
			}
		}
	})
}

// What JSON the HTTP side brings becomes one well-formed value that says the same.
func FuzzRawFromJSON(f *testing.F) {
	for _, s := range []string{
		`null`, ` {"a":[1,-2,2.5,1e400,18446744073709551615,18446744073709551616]}`, `{"a":1,"a":2}`, `"\ud800"`, `[1,2`, `1 2`, `-0`, `0.10`, `{"é":"\u0000"}`,
		strings.Repeat("[", 120),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Raw
		if err := r.UnmarshalJSON(text); err != nil {
			return
		}
		if err := r.check(); err != nil {
			t.Fatalf("%q became %x: %v", text, []byte(r), err)
		}
		again, err := r.MarshalJSON()
		if err != nil {
			t.Fatalf("%q became %x: %v", text, []byte(r), err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q was read, and is no JSON: %v", text, err)
		}
		if err := json.Unmarshal(again, &got); err != nil {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q became %q:\n%s", text, again, diff)
		}
	})
}

// An instant that was read is written so that it is read again as the same.
func FuzzTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-22T03:04:05.678901Z", "2026-11-22 03:04:05", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999999Z", "2026-11-22T03:04+01:00",
		"2026-11-22T03:04:05+0530", "", "now", "2026-02-30T00:00:00Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		when, err := parseTime(text)
		if err != nil {
			return
		}
		first := Time{when}
		wire, err := first.appendWire(nil)
		if err != nil {
			t.Fatalf("%q was read as %v: %v", text, when, err)
		}
		var fromWire, fromJSON Time
		if err := fromWire.decodeWire(&decoder{b: wire}); err != nil || !fromWire.Equal(when) {
			t.Fatalf("%q is %v, written and read %v (%v)", text, when, fromWire, err)
		}
		js, err := first.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := fromJSON.UnmarshalJSON(js); err != nil || !fromJSON.Equal(when) {
			t.Fatalf("%q is %v, in JSON %s, read %v (%v)", text, when, js, fromJSON, err)
		}
	})
}
