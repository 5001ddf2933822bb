package message

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"
)

// encode is RawOf for values that are known to have a form.
func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := RawOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

type object = map[string]any

func TestDecodeRequestTakes(t *testing.T) {
	get := object{"type": "GetVariable", "key": "k"}
	want := Request{ID: 7, Body: &GetVariable{Key: "k"}}
	traced := want
	traced.Carrier = map[string]string{"traceparent": "00-1"}
	largest := want
	largest.ID = 1<<63 - 1
	for _, tt := range []struct {
		name    string
		payload any
		want    Request
	}{
		{"three elements", []any{7, get, nil}, want},
		{"two elements", []any{7, get}, want},
		{"more than three", []any{7, get, nil, "more", object{"x": []any{1}}}, want},
		{"the largest id", []any{int64(1<<63 - 1), get, nil}, largest},
		{"trace context", []any{7, get, object{"traceparent": "00-1"}}, traced},
		{"trace context of another shape", []any{7, get, object{"a": 1}}, want},
		{"trace context that is no map", []any{7, get, []any{"a"}}, want},
		{"trace context with another key", []any{7, get, Raw("\x81\x01\xa1a")}, want},
		{"unknown fields", []any{7, object{"type": "GetVariable", "key": "k", "new": object{"x": 1}}}, want},
		{"type behind the fields", []any{7, Raw("\x82\xa3key\xa1k\xa4type\xabGetVariable")}, want},
		{"the last of two equal keys", []any{7, Raw("\x83\xa3key\xa1j\xa3key\xa1k\xa4type\xabGetVariable")}, want},
		{"longer headers than needed", []any{Raw("\xd3\x00\x00\x00\x00\x00\x00\x00\x07"), Raw("\xdf\x00\x00\x00\x02\xd9\x04type\xd9\x0bGetVariable\xdb\x00\x00\x00\x03key\xda\x00\x01k")}, want},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeRequest(encode(t, tt.payload))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestDecodeResponseTakes(t *testing.T) {
	detail := encode(t, object{"message": "no"})
	refusal := object{"type": "ErrorResponse", "error": "VARIABLE_NOT_FOUND", "detail": object{"message": "no"}}
	found := &ErrorResponse{Error: VariableNotFound, Detail: detail}
	for _, tt := range []struct {
		name    string
		payload any
		want    Response
		refused *ErrorResponse
	}{
		{"one element", []any{7}, Response{ID: 7}, nil},
		{"two elements", []any{7, nil}, Response{ID: 7}, nil},
		{"three elements", []any{7, nil, nil}, Response{ID: 7}, nil},
		{"four elements", []any{7, nil, nil, 1}, Response{ID: 7}, nil},
		{"a body", []any{7, object{"type": "OKResponse", "ok": true}}, Response{ID: 7, Body: &OKResponse{OK: true}}, nil},
		{"an error element", []any{7, nil, refusal}, Response{ID: 7, Err: found}, found},
		{"an error body", []any{7, refusal, nil}, Response{ID: 7, Body: found}, found},
		{"an error without code", []any{7, nil, object{}}, Response{ID: 7, Err: &ErrorResponse{}}, &ErrorResponse{}},
		{"an unknown code", []any{7, nil, object{"error": "BRAND_NEW"}}, Response{ID: 7, Err: &ErrorResponse{Error: "BRAND_NEW"}}, &ErrorResponse{Error: "BRAND_NEW"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeResponse(encode(t, tt.payload))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			if diff := cmp.Diff(tt.refused, AsError(got)); diff != "" {
				t.Errorf("AsError:\n%s", diff)
			}
		})
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	hitl := object{"type": "CreateHITLDetailPayload", "ti_id": "u", "subject": "s", "options": []any{}}
	skip := func(task any) object {
		return object{"type": "SkipDownstreamTasks", "tasks": []any{"a", task}}
	}
	for _, tt := range []struct {
		name    string
		payload any
		id      int64 // -1: none known
		typ     string
		path    string
		want    string
	}{
		{"nothing", Raw(nil), -1, "", "", "decode message: malformed at byte 0: expected array, got nil"},
		{"a map", object{}, -1, "", "", "decode message: malformed at byte 0: expected array, got map"},
		{"no elements", []any{}, -1, "", "", "decode message: malformed at byte 0: array without id"},
		{"text as id", []any{"7", nil}, -1, "", "id", "decode message: id: expected integer, got string"},
		{"id above 2^63-1", []any{uint64(1 << 63), nil}, -1, "", "id", "decode message: id: integer above 2^63-1"},
		{"negative id", []any{-5, object{"type": "GetDag"}}, -5, "", "", "decode message #-5: id below 0"},
		{"id alone", []any{7}, 7, "", "", "decode message #7: request without body"},
		{"nil body", []any{7, nil, nil}, 7, "", "", "decode message #7: request without body"},
		{"text as body", []any{7, "GetDag"}, 7, "", "", "decode message #7: expected map as body, got string"},
		{"no type", []any{7, object{"key": "k"}}, 7, "", "type", `decode message #7: type: field "type" is required`},
		{"integer as type", []any{7, object{"type": 1}}, 7, "", "type", "decode message #7: type: expected string, got integer"},
		{"integer as key", []any{7, Raw("\x82\x01\x01\xa4type\xa6GetDag")}, 7, "", "", "decode message #7: expected string as key, got integer"},
		{"unknown type", []any{7, object{"type": "Bogus"}}, 7, "Bogus", "", `decode Bogus #7: unknown message type "Bogus"`},
		{"type of the other direction", []any{7, object{"type": "OKResponse", "ok": true}}, 7, "OKResponse", "", `decode OKResponse #7: unknown message type "OKResponse"`},

		{"missing field", []any{7, object{"type": "GetVariable"}}, 7, "GetVariable", "key", `decode GetVariable #7: key: field "key" is required`},
		{"null for a required field", []any{7, object{"type": "GetVariable", "key": nil}}, 7, "GetVariable", "key", "decode GetVariable #7: key: expected string, got nil"},
		{"integer for text", []any{7, object{"type": "GetVariable", "key": 1}}, 7, "GetVariable", "key", "decode GetVariable #7: key: expected string, got integer"},
		{"text that is not UTF-8", []any{7, Raw("\x82\xa4type\xabGetVariable\xa3key\xa1\xff")}, 7, "GetVariable", "key", "decode GetVariable #7: key: string is not UTF-8"},
		{"text for an integer", []any{7, object{"type": "GetVariableKeys", "offset": "1"}}, 7, "GetVariableKeys", "offset", "decode GetVariableKeys #7: offset: expected integer, got string"},
		{"float for an integer", []any{7, object{"type": "GetVariableKeys", "offset": 1.0}}, 7, "GetVariableKeys", "offset", "decode GetVariableKeys #7: offset: expected integer, got float"},
		{"integer for a boolean", []any{7, object{"type": "TriggerDagRun", "dag_id": "d", "run_id": "r", "reset_dag_run": 1}}, 7, "TriggerDagRun", "reset_dag_run", "decode TriggerDagRun #7: reset_dag_run: expected boolean, got integer"},
		{"text for a number", []any{7, object{"type": "RetryTask", "end_date": time.Unix(1, 0), "retry_delay_seconds": "1"}}, 7, "RetryTask", "retry_delay_seconds", "decode RetryTask #7: retry_delay_seconds: expected number, got string"},
		{"integer for a time", []any{7, object{"type": "SucceedTask", "end_date": 1}}, 7, "SucceedTask", "end_date", "decode SucceedTask #7: end_date: expected time, got integer"},
		{"odd text for a time", []any{7, object{"type": "SucceedTask", "end_date": "soon"}}, 7, "SucceedTask", "end_date", `decode SucceedTask #7: end_date: expected ISO 8601 time, got "soon"`},
		{"list for a map", []any{7, object{"type": "SetRenderedFields", "rendered_fields": []any{}}}, 7, "SetRenderedFields", "rendered_fields", "decode SetRenderedFields #7: rendered_fields: expected map, got array"},
		{"null for a required map", []any{7, object{"type": "SetRenderedFields", "rendered_fields": nil}}, 7, "SetRenderedFields", "rendered_fields", "decode SetRenderedFields #7: rendered_fields: expected map, got nil"},
		{"a state of another message", []any{7, object{"type": "SucceedTask", "state": "failed", "end_date": time.Unix(1, 0)}}, 7, "SucceedTask", "state", `decode SucceedTask #7: state: expected "success", got "failed"`},
		{"a state that ends nothing", []any{7, object{"type": "TaskState", "state": "running"}}, 7, "TaskState", "state", `decode TaskState #7: state: expected failed, skipped or removed, got "running"`},
		{"no options", []any{7, hitl}, 7, "CreateHITLDetailPayload", "options", "decode CreateHITLDetailPayload #7: options: expected at least one element, got none"},
		{"nested field", []any{7, object{"type": "SucceedTask", "end_date": time.Unix(1, 0), "task_outlets": []any{object{"type": "Asset"}, object{}}}}, 7, "SucceedTask", "task_outlets[1].type", `decode SucceedTask #7: task_outlets[1].type: field "type" is required`},
		{"task with three parts", []any{7, skip([]any{"t", 1, 2})}, 7, "SkipDownstreamTasks", "tasks[1]", "decode SkipDownstreamTasks #7: tasks[1]: expected task id or [task id, map index]"},
		{"task with text as index", []any{7, skip([]any{"t", "1"})}, 7, "SkipDownstreamTasks", "tasks[1][1]", "decode SkipDownstreamTasks #7: tasks[1][1]: expected integer, got string"},
		{"value in a map of text", []any{7, object{"type": "GetAssetEventByAsset", "extra": object{"a": 1}}}, 7, "GetAssetEventByAsset", "extra.a", "decode GetAssetEventByAsset #7: extra.a: expected string, got integer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			payload := encode(t, tt.payload)
			if payload == nil {
				payload = []byte{0xc0}
			}
			_, err := DecodeRequest(payload)
			checkDecodeError(t, err, tt.id, tt.typ, tt.path, tt.want)
		})
	}
}

func checkDecodeError(t *testing.T, err error, id int64, typ, path, text string) {
	t.Helper()
	var got *DecodeError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a DecodeError", err)
	}
	if got.Error() != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if hasID := id != -1; got.HasID != hasID || hasID && got.ID != id {
		t.Errorf("id: got %d (%v), want %d", got.ID, got.HasID, id)
	}
	if got.Type != typ || got.Path != path {
		t.Errorf("got type %q and path %q, want %q and %q", got.Type, got.Path, typ, path)
	}
}

func TestDecodeResponseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload any
		typ     string
		path    string
		want    string
	}{
		{"a request", []any{7, object{"type": "GetDag", "dag_id": "d"}}, "GetDag", "", `decode GetDag #7: unknown message type "GetDag"`},
		{"text as error", []any{7, nil, "no"}, "ErrorResponse", "", "decode ErrorResponse #7: expected map, got string"},
		{"integer as code", []any{7, nil, object{"error": 1}}, "ErrorResponse", "error", "decode ErrorResponse #7: error: expected string, got integer"},
		{"deep in startup details", []any{7, object{"type": "StartupDetails", "ti_context": object{"max_tries": 0, "connections": []any{object{"conn_id": 5}}}}}, "StartupDetails", "ti_context.connections[0].conn_id", "decode StartupDetails #7: ti_context.connections[0].conn_id: expected string, got integer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeResponse(encode(t, tt.payload))
			checkDecodeError(t, err, 7, tt.typ, tt.path, tt.want)
		})
	}
}

// What is no value at all is told apart from a message that is merely wrong:
// after it the stream is not to be trusted.
func TestMalformedPayloads(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload string
		id      int64 // -1: none known
		offset  int
		reason  string
	}{
		{"no bytes", "", -1, 0, "a value is missing"},
		{"reserved byte", "\xc1", -1, 0, "reserved byte 0xc1"},
		{"text of another protocol", "GET / HTTP/1.1", -1, 1, "13 bytes after the value"},
		{"cut in the body", "\x93\x07\x82\xa4type", 7, 8, "a value is missing"},
		{"reserved byte behind the id", "\x93\x07\xc1\xc0", 7, 2, "reserved byte 0xc1"},
		{"bytes after it", "\x93\x07\xc0\xc0\x00", 7, 4, "1 bytes after the value"},
		{"elements that are not there", "\xdd\xff\xff\xff\xff", -1, 0, "array of 4294967295 announced, 0 bytes left"},
		{"too deep", "\x93\x07\x81\xa4type" + strings.Repeat("\x91", 200) + "\x01\xc0", 7, 106, "more than 100 levels"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, decode := range []func([]byte) error{
				func(b []byte) error { _, err := DecodeRequest(b); return err },
				func(b []byte) error { _, err := DecodeResponse(b); return err },
			} {
				err := decode([]byte(tt.payload))
				var got *MalformedError
				if !errors.As(err, &got) {
					t.Fatalf("got %v, want MalformedError", err)
				}
				if diff := cmp.Diff(&MalformedError{Offset: tt.offset, Reason: tt.reason}, got); diff != "" {
					t.Error(diff)
				}
				var decodeErr *DecodeError
				if !errors.As(err, &decodeErr) || decodeErr.HasID != (tt.id != -1) || decodeErr.HasID && decodeErr.ID != tt.id {
					t.Errorf("got %+v, want id %d", decodeErr, tt.id)
				}
			}
		})
	}
}

// Each required field in turn is left out of a complete message, and each
// optional one is left out and set to null.
func TestEveryFieldOfEveryMessage(t *testing.T) {
	for _, d := range []Direction{ToSupervisor, ToRunner} {
		for _, name := range Types(d) {
			t.Run(d.String()+"/"+name, func(t *testing.T) {
				complete := completeBody(t, d, name)
				decode := func(body object) error {
					payload := encode(t, []any{1, body, nil})
					if d == ToSupervisor {
						_, err := DecodeRequest(payload)
						return err
					}
					_, err := DecodeResponse(payload)
					return err
				}
				if err := decode(complete); err != nil {
					t.Fatalf("complete: %v", err)
				}
				for _, f := range Fields(d, name) {
					without, null := object{}, object{}
					for k, v := range complete {
						without[k], null[k] = v, v
					}
					delete(without, f.Name)
					null[f.Name] = nil

					err := decode(without)
					var missing *MissingFieldError
					if !f.Required && err != nil {
						t.Errorf("without %s: %v", f.Name, err)
					} else if f.Required && (!errors.As(err, &missing) || *missing != MissingFieldError{Type: name, Field: f.Name}) {
						t.Errorf("without %s: got %v, want MissingFieldError", f.Name, err)
					}
					if err := decode(null); f.Nullable != (err == nil) {
						t.Errorf("null as %s: %v, nullable: %v", f.Name, err, f.Nullable)
					}
				}
			})
		}
	}
}

// Examples of the values that fields of some name or other take.
var examples = object{
	"end_date": time.Unix(1, 0), "reschedule_date": time.Unix(1, 0), "logical_date": time.Unix(1, 0), "start_date": time.Unix(1, 0),
	"data_interval_start": time.Unix(1, 0), "data_interval_end": time.Unix(1, 0), "run_after": time.Unix(1, 0), "partition_date": time.Unix(1, 0),
	"expires_at": time.Unix(1, 0), "after": time.Unix(1, 0), "before": time.Unix(1, 0), "next_dagrun": time.Unix(1, 0),
	"logical_dates": []any{time.Unix(1, 0)}, "run_ids": []any{"r"}, "states": []any{"success", "none"}, "task_ids": []any{"t"},
	"task_outlets": []any{object{"name": "a", "uri": "u", "type": "Asset"}}, "outlet_events": []any{object{"x": 1}},
	"retry_delay_seconds": 5, "trigger_kwargs": object{}, "next_kwargs": object{}, "conf": object{}, "detail": object{}, "params": object{},
	"params_input": object{}, "rendered_fields": object{}, "task_states": object{}, "extra": object{},
	"tasks": []any{"a", []any{"b", 1}}, "options": []any{"yes"}, "chosen_options": []any{"yes"}, "defaults": []any{"yes"},
	"assigned_users": []any{object{"id": "1", "name": "n"}}, "multiple": true, "value": []any{1, nil},
	"limit": 5, "offset": 5, "map_index": 5, "try_number": 5, "start": 5, "stop": 5, "step": 5, "mapped_length": 5, "clear_number": 5,
	"len": 5, "count": 5, "total_entries": 5, "port": 5, "fds": []any{6}, "ok": true, "is_paused": true, "ascending": false,
	"include_prior_dates": true, "previous_iteration": true, "timeout_seconds": 1.5, "loop_decision": object{"stop": true}, "dag_result": true, "reset_dag_run": true,
	"keys": []any{"k"}, "tags": []any{"t"}, "assets": []any{}, "asset_events": []any{}, "inactive_assets": []any{}, "breadcrumbs": []any{object{}},
	"consumed_asset_events": []any{},
	"ti":                    object{"id": "u", "task_id": "t", "dag_id": "d", "run_id": "r", "try_number": 1, "dag_version_id": "u"},
	"bundle_info":           object{"name": "b"},
	"dag_run":               exampleRun,
	"ti_context":            object{"dag_run": exampleRun, "max_tries": 0},
	"task_instance":         object{"task_id": "t", "dag_id": "d", "run_id": "r", "try_number": 1},
}

var exampleRun = object{"dag_id": "d", "run_id": "r", "run_after": time.Unix(1, 0), "run_type": "manual", "state": "running", "consumed_asset_events": []any{}}

// completeBody returns a body with every key a message has.
func completeBody(t *testing.T, d Direction, name string) object {
	body := object{"type": name}
	for _, f := range Fields(d, name) {
		example, ok := examples[f.Name]
		if !ok {
			example = "text"
		}
		body[f.Name] = example
	}
	if _, ok := body["state"]; ok {
		body["state"] = StateFailed
		empty, err := New(d, name)
		if err != nil {
			t.Fatal(err)
		}
		if state, terminal := TerminalState(empty); terminal && state != "" {
			body["state"] = state
		}
	}
	switch name {
	case "PutVariable", "VariableResult":
		body["value"] = "text"
	case "ConnectionResult":
		body["extra"] = "{}"
	case "GetAssetEventByAsset", "GetAssetEventByAssetAlias":
		body["extra"] = object{"a": "b"}
	case "XComSequenceSliceResult", "XComSequenceIndexResult":
		body["root"] = []any{1, nil}
	}
	return body
}

func TestFieldsAndNewKnowNoOtherType(t *testing.T) {
	if got := Fields(ToSupervisor, "OKResponse"); got != nil {
		t.Errorf("got %v", got)
	}
	_, err := New(ToSupervisor, "OKResponse")
	var unknown *UnknownTypeError
	if !errors.As(err, &unknown) || unknown.Type != "OKResponse" {
		t.Errorf("got %v, want UnknownTypeError", err)
	}
}

// Five bytes must not cost what they announce, and a long list of nothing must
// not become a hundred times as large.
func TestHostilePayloadsAllocateLittle(t *testing.T) {
	nils := slices.Repeat([]byte{0xc0}, 8<<20)
	slice := append([]byte("\x92\x07\x82\xa4type\xb7XComSequenceSliceResult\xa4root"), msgp.AppendArrayHeader(nil, uint32(len(nils)))...)
	for _, tt := range []struct {
		name    string
		payload []byte
		most    uint64
	}{
		{"announced only", []byte("\xdd\xff\xff\xff\xff"), 16 << 10},
		{"announced inside", []byte("\x92\x07\x82\xa4type\xb7XComSequenceSliceResult\xa4root\xdd\xff\xff\xff\xff"), 16 << 10},
		{"too many elements", append(slice, nils...), 16 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := DecodeResponse(tt.payload)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("no error")
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > tt.most {
				t.Errorf("allocated %d bytes for %v, want at most %d", got, err, tt.most)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		body Body
		want string
	}{
		{"no body", nil, "request without body"},
		{"nil message", (*GetDag)(nil), "encode *message.GetDag: no message of this package"},
		{"a type of another package", foreign{}, "encode message.foreign: no message of this package"},
		{"text that is not UTF-8", &GetDag{DagID: "\xff"}, "encode GetDag: dag_id: string is not UTF-8"},
		{"malformed value", &SetXCom{Value: Raw("\xc1")}, "encode SetXCom: value: malformed at byte 0: reserved byte 0xc1"},
		{"value of two values", &SetXCom{Value: Raw("\xc0\xc0")}, "encode SetXCom: value: malformed at byte 1: 1 bytes after the value"},
		{"list for a map", &TriggerDagRun{Conf: Raw("\x90")}, "encode TriggerDagRun: conf: expected map, got array"},
		{"no map where one is required", &SetRenderedFields{}, "encode SetRenderedFields: rendered_fields: expected map, got nil"},
		{"year 10000", &SucceedTask{EndDate: At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}, "encode SucceedTask: end_date: time outside the years 1 to 9999"},
		{"deep in a list", &SucceedTask{TaskOutlets: []AssetProfile{{}, {Type: "\xff"}}}, "encode SucceedTask: task_outlets[1].type: string is not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := EncodeRequest(Request{Body: tt.body})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

type foreign struct{}

func (foreign) MessageType() string { return "GetDag" }

func TestErrorResponseText(t *testing.T) {
	for _, tt := range []struct {
		in   *ErrorResponse
		want string
	}{
		{&ErrorResponse{}, "GENERIC_ERROR"},
		{&ErrorResponse{Error: VariableNotFound, Detail: encode(t, object{"message": "no"})}, `VARIABLE_NOT_FOUND: {"message":"no"}`},
		{&ErrorResponse{Error: "X", Detail: Raw("\x81\xa1a\xc4\x00")}, "X: (detail not shown: a: JSON has no bytes)"},
	} {
		if got := tt.in.Text(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		var remote *RemoteError
		if err := fmt.Errorf("get: %w", tt.in.Err()); !errors.As(err, &remote) || remote.Response != tt.in || err.Error() != "get: "+tt.want {
			t.Errorf("got %v", err)
		}
	}
	if err := (*ErrorResponse)(nil).Err(); err != nil {
		t.Errorf("no refusal is no error, got %v", err)
	}
}
