package strict_test

import (
	"testing"

	"github.com/understudy-conformance/understudy/protocol/strict"
)

func TestCheckRequest(t *testing.T) {
	const body = "\x81\xa4type\xa6GetDag" // 13 bytes
	for _, tt := range []struct {
		name    string
		payload string
		want    string
	}{
		{"three elements", "\x93\x00" + body + "\xc0", ""},
		{"with trace context", "\x93\x00" + body + "\x81\xa1a\xa1b", ""},
		{"id 2^63-1", "\x93\xcf\x7f\xff\xff\xff\xff\xff\xff\xff" + body + "\xc0", ""},

		{"nothing", "", "0 truncated"},
		{"a map", body, "0 no-array"},
		{"no elements", "\x90", "0 arity, 1 id, 1 body"},
		{"one element", "\x91\x00", "0 arity, 2 body"},
		{"two elements, as 3.2 sends", "\x92\x00" + body, ""},
		{"four elements, as 3.4 sends", "\x94\x00" + body + "\xc0\xc0", ""},
		{"a task instance", "\x94\x00" + body + "\xc0\xa1x", ""},
		{"integer as task instance", "\x94\x00" + body + "\xc0\x05", "16 task-instance"},
		{"five elements", "\x95\x00" + body + "\xc0\xc0\x05", "0 arity?"},
		{"string as id", "\x93\xa10" + body + "\xc0", "1 id"},
		{"negative id", "\x93\xff" + body + "\xc0", "1 id"},
		{"id 2^63", "\x93\xcf\x80\x00\x00\x00\x00\x00\x00\x00" + body + "\xc0", "1 id"},
		{"no body", "\x93\x00\xc0\xc0", "2 body"},
		{"string as body", "\x93\x00\xa1x\xc0", "2 body"},
		{"body without type", "\x93\x00\x81\xa1t\xa1x\xc0", "2 type"},
		{"integer as type", "\x93\x00\x81\xa4type\x05\xc0", "8 type"},
		{"trace context of integers", "\x93\x00" + body + "\x81\xa1a\x01", "18 carrier"},
		{"array as trace context", "\x93\x00" + body + "\x90", "15 carrier"},
		{"bytes after it", "\x93\x00" + body + "\xc0\x00", "16 trailing"},
		{"a fault inside", "\x93\x00\x82\xa4type\xa6GetDag\xa4type\xa6GetDag\xc0", "15 duplicate-key"},
		{"truncated", "\x93\x00" + body, "15 truncated"}, // so the elements cannot be told apart
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := brief(strict.CheckRequest([]byte(tt.payload))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckResponse(t *testing.T) {
	const body = "\x81\xa4type\xa6GetDag"
	for _, tt := range []struct {
		name    string
		payload string
		want    string
	}{
		{"empty", "\x93\x00\xc0\xc0", ""},
		{"a body", "\x93\x00" + body + "\xc0", ""},
		{"an error", "\x93\x00\xc0" + body, ""},

		{"no elements", "\x90", "0 arity, 1 id"},
		{"one element", "\x91\x00", "0 arity"},
		{"two elements", "\x92\x00\xc0", "0 arity"},
		{"nil as id", "\x93\xc0\xc0\xc0", "1 id"},
		{"array as body", "\x93\x00\x90\xc0", "2 body"},
		{"body without type", "\x93\x00\x80\xc0", "2 type"},
		{"string as error", "\x93\x00\xc0\xa1x", "3 refusal"},
		{"error without type", "\x93\x00\xc0\x80", "3 type"},
		{"body and error", "\x93\x00" + body + body, "15 refusal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := brief(strict.CheckResponse([]byte(tt.payload))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
