package message

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		name    string
		d       Direction
		payload any
		want    string
	}{
		{"request", ToSupervisor, []any{3, object{"type": "SetXCom", "key": "k", "value": []any{1, -1, 1.5, nil, true, object{"a": "b"}}}, nil},
			`#3 SetXCom{key: "k", value: [1, -1, 1.5, nil, true, {"a": "b"}]}`},
		{"request with trace context", ToSupervisor, []any{3, object{"type": "ResendLoggingFD"}, object{"traceparent": "00-1"}}, `#3 ResendLoggingFD{} carrier {"traceparent": "00-1"}`},
		{"request of two elements", ToSupervisor, []any{3, object{"type": "GetDag", "dag_id": "d"}}, `#3 GetDag{dag_id: "d"}`},
		{"more elements", ToSupervisor, []any{3, object{"type": "ResendLoggingFD"}, nil, 1, 2}, `#3 ResendLoggingFD{} and 2 more elements`},
		{"no body", ToSupervisor, []any{3, nil, nil}, `#3 empty`},
		{"response", ToRunner, []any{3, object{"type": "OKResponse", "ok": true}, nil}, `#3 OKResponse{ok: true}`},
		{"empty", ToRunner, []any{3, nil, nil}, `#3 empty`},
		{"empty of one element", ToRunner, []any{3}, `#3 empty`},
		{"empty of two elements", ToRunner, []any{3, nil}, `#3 empty`},
		{"error element", ToRunner, []any{3, nil, object{"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": object{"status_code": 409}}},
			`#3 error ErrorResponse{detail: {"status_code": 409}, error: "API_SERVER_ERROR"}`},
		{"times and bytes", ToSupervisor, []any{3, object{"type": "SetXCom", "value": []any{time.Unix(1, 0), []byte("ab"), Raw("\xd4\x05\x00")}}},
			`#3 SetXCom{value: [1970-01-01T00:00:01Z, bytes(2) 6162, extension(5, 1 bytes)]}`},
		{"unknown type", ToSupervisor, []any{3, object{"type": "Bo\ngus", "a": 1}}, `#3 "Bo\ngus"{a: 1}`},
		{"no type", ToSupervisor, []any{3, object{"a": 1}}, `#3 {a: 1}`},
		{"odd id", ToSupervisor, []any{"x", object{"type": "GetDag"}}, `"x" GetDag{}`},
		{"odd body", ToSupervisor, []any{uint64(1 << 63), "x"}, `#9223372036854775808 "x"`},
		{"odd error", ToRunner, []any{3, nil, "x"}, `#3 "x"`},
		{"no array", ToSupervisor, object{"a": nil}, `{"a": nil}`},
		{"odd keys", ToSupervisor, []any{3, Raw("\x82\x01\x01\xa3a\nb\x02")}, `#3 {1: 1, "a\nb": 2}`},

		{"bad text", ToSupervisor, []any{3, Raw("\x82\xa4type\xa6GetDag\xa6dag_id\xa2\xff\x1b")}, `#3 GetDag{dag_id: "\xff\x1b"}`},
		{"long text", ToSupervisor, []any{3, object{"type": "GetDag", "dag_id": strings.Repeat("é", 500)}}, `#3 GetDag{dag_id: "` + strings.Repeat("é", 100) + `"… (1000 bytes)}`},
		{"long value", ToSupervisor, []any{3, object{"type": "SetXCom", "key": "k", "value": strings.Split(strings.Repeat("x ", 1000), " "), "z": 1}},
			`#3 SetXCom{key: "k", value: [` + strings.Repeat(`"x", `, 59) + `"…, z: 1}`},

		{"nothing", ToSupervisor, Raw("\xc1"), `malformed at byte 0 of 1: reserved byte 0xc1`},
		{"cut", ToSupervisor, Raw("\x93\x03\x82\xa4type\xa6GetDag\xa6dag_id\xa5ab"), `#3 GetDag{dag_id:  malformed at byte 22 of 25: string of 5 bytes announced, 2 left`},
		{"reserved byte", ToRunner, Raw("\x93\x03\x81\xa4type\xa6GetDag\xc1"), `#3 "GetDag"{} malformed at byte 15 of 16: reserved byte 0xc1`},
		{"trailing", ToRunner, Raw("\x93\x03\xc0\xc0\x01"), `#3 empty malformed at byte 4 of 5: 1 bytes after the value`},
		{"announced only", ToRunner, Raw("\x93\x03\xdd\xff\xff\xff\xff"), `#3 [ malformed at byte 2 of 7: array of 4294967295 announced, 0 bytes left`},
		{"too deep", ToRunner, Raw("\x93\x03" + strings.Repeat("\x91", 200) + "\x01\xc0"), `#3 ` + strings.Repeat("[", 100) + ` malformed at byte 101 of 204: more than 100 levels`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			payload, ok := tt.payload.(Raw)
			if !ok {
				payload = encode(t, tt.payload)
			}
			if got := Describe(payload, tt.d); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The word "secret" stands wherever one can be, and must be seen nowhere.
func TestDescribeShowsNoSecret(t *testing.T) {
	connection := object{"conn_id": "c", "conn_type": "http", "password": "secret", "extra": `{"token": "secret"}`}
	variable := object{"key": "k", "value": "secret"}
	typed := func(name string, body object) object {
		with := object{"type": name}
		for k, v := range body {
			with[k] = v
		}
		return with
	}
	for _, tt := range []struct {
		name string
		d    Direction
		body any
	}{
		{"MaskSecret", ToSupervisor, typed("MaskSecret", object{"value": "secret", "name": "n"})},
		{"MaskSecret of a map", ToSupervisor, typed("MaskSecret", object{"value": object{"a": []any{"secret"}}})},
		{"PutVariable", ToSupervisor, typed("PutVariable", variable)},
		{"VariableResult", ToRunner, typed("VariableResult", variable)},
		{"ConnectionResult", ToRunner, typed("ConnectionResult", connection)},
		{"StartupDetails", ToRunner, typed("StartupDetails", object{"ti_context": object{"variables": []any{variable}, "connections": []any{connection}}})},
		{"without type", ToSupervisor, variable},
		{"unknown type", ToSupervisor, typed("MaskSecret2", object{"x": variable, "connections": []any{connection}})},
		{"wrong direction", ToRunner, typed("MaskSecret", object{"value": "secret"})},
		{"integer as type", ToSupervisor, Raw("\x82\xa4type\x01\xa5value\xa6secret")},
		{"two types", ToSupervisor, Raw("\x83\xa4type\xaaMaskSecret\xa5value\xa6secret\xa4type\xa7SetXCom")},
		{"type behind a fault", ToSupervisor, Raw("\x83\xa5value\xa6secret\xa1x\xc1")},
		{"cut in the value", ToSupervisor, Raw("\x82\xa4type\xaaMaskSecret\xa5value\xa9secret")},
		{"body in the error's place", ToRunner, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var payload []byte
			switch body := tt.body.(type) {
			case Raw:
				payload = append([]byte("\x92\x03"), body...)
			case nil:
				payload = encode(t, []any{3, nil, typed("ConnectionResult", connection)})
			default:
				payload = encode(t, []any{3, body, nil})
			}
			got := Describe(payload, tt.d)
			if strings.Contains(got, "secret") {
				t.Error(got)
			}
			if !strings.HasPrefix(got, "#3 ") || !strings.Contains(got, `"***"`) && !strings.Contains(got, "malformed") {
				t.Errorf("not rendered: %s", got)
			}
		})
	}
}

func TestDescribeIsBounded(t *testing.T) {
	fields := object{}
	for i := range 200 {
		fields[strings.Repeat("k", i+1)] = strings.Repeat("v", 100)
	}
	payload := encode(t, []any{3, fields, nil})
	for _, payload := range [][]byte{payload, append(payload, 0xc1)} {
		got := Describe(payload, ToSupervisor)
		checkLine(t, got)
		if len(got) < describeTotal-300 {
			t.Errorf("%d bytes are few: %s", len(got), got)
		}
	}
}

func checkLine(t *testing.T, line string) {
	t.Helper()
	if len(line) > describeTotal {
		t.Errorf("%d bytes: %s", len(line), line)
	}
	if !utf8.ValidString(line) {
		t.Errorf("not UTF-8: %q", line)
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }); i >= 0 {
		t.Errorf("not printable at %d: %q", i, line)
	}
}
