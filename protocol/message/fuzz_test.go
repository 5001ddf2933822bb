package message

import (
	"encoding/json"
	"errors"
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
		first, err := DecodeRequest(payload)
		if err != nil {
			checkFailure(t, err, len(payload))
			return
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
