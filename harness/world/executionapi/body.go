package executionapi

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/understudy-conformance/understudy/harness/world"
)

// A check says whether a value in canonical form is what a field may hold.
type check func(v any) bool

// shape is a closed object: its fields, all of them required unless optional.
type shape map[string]check

// absent stands for a field that is not there, which only optional checks take.
type absent struct{}

func isText(v any) bool       { _, ok := v.(string); return ok }
func isTextOrNull(v any) bool { return v == nil || isText(v) }
func isNumberOrNull(v any) bool {
	if f, ok := v.(float64); ok {
		return !math.IsNaN(f)
	}
	return v == nil || isInt(v)
}
func isInt(v any) bool          { _, ok := v.(int64); return ok }
func isList(v any) bool         { _, ok := v.([]any); return ok || v == nil }
func isObject(v any) bool       { _, ok := v.(map[string]any); return ok || v == nil }
func isObjectOrText(v any) bool { return isObject(v) || isText(v) }

func isTime(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func is(values ...string) check {
	return func(v any) bool {
		for _, value := range values {
			if v == value {
				return true
			}
		}
		return false
	}
}

func optional(c check) check {
	return func(v any) bool {
		if _, missing := v.(absent); missing {
			return true
		}
		return c(v)
	}
}

// invalid is FastAPI's answer to a value that is not what it should be.
func invalid(kind string, where ...any) *world.Problem {
	return &world.Problem{Status: http.StatusUnprocessableEntity, Detail: []any{
		map[string]any{"type": kind, "loc": where, "msg": kind},
	}}
}

// value decodes the body as any JSON value, numbers kept exactly.
func (q *request) value() (any, *world.Problem) {
	decoder := json.NewDecoder(bytes.NewReader(q.body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, invalid("json_invalid", "body", 0)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, invalid("json_invalid", "body", int(decoder.InputOffset()))
	}
	return world.Canonical(v), nil
}

func (q *request) anyObject() (map[string]any, *world.Problem) {
	v, problem := q.value()
	if problem != nil {
		return nil, problem
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("model_attributes_type", "body")
	}
	return fields, nil
}

// object decodes the body as an object of that shape.
func (q *request) object(s shape) (map[string]any, *world.Problem) {
	fields, problem := q.anyObject()
	if problem != nil {
		return nil, problem
	}
	return fields, s.fits(fields)
}

func (s shape) fits(fields map[string]any) *world.Problem {
	for name := range fields {
		if s[name] == nil {
			return invalid("extra_forbidden", "body", name)
		}
	}
	for name, holds := range s {
		value, there := fields[name]
		switch {
		case !there && !holds(absent{}):
			return invalid("missing", "body", name)
		case there && !holds(value):
			return invalid("value_error", "body", name)
		}
	}
	return nil
}

// states are the bodies of PATCH .../state by the state they ask for.
var states = map[string]shape{
	"success": {
		"state": isText, "end_date": isTime, "task_outlets": optional(isList), "outlet_events": optional(isList),
		"rendered_map_index": optional(isTextOrNull),
	},
	"failed": terminalShape, "skipped": terminalShape, "removed": terminalShape, "upstream_failed": terminalShape,
	"up_for_retry": {
		"state": isText, "end_date": isTime, "rendered_map_index": optional(isTextOrNull),
		"retry_delay_seconds": optional(isNumberOrNull), "retry_reason": optional(isTextOrNull),
	},
	"up_for_reschedule": {
		"state": isText, "end_date": isTime, "reschedule_date": isTime,
	},
	"deferred": {
		"state": isText, "classpath": isText, "trigger_kwargs": optional(isObjectOrText), "trigger_timeout": optional(isTextOrNull),
		"queue": optional(isTextOrNull), "next_method": isText, "next_kwargs": optional(isObjectOrText), "rendered_map_index": optional(isTextOrNull),
	},
	"awaiting_input": {
		"state": isText, "timeout": optional(isTextOrNull), "next_method": isText,
		"next_kwargs": optional(isObjectOrText), "rendered_map_index": optional(isTextOrNull),
	},
}

var terminalShape = shape{
	"state": isText, "end_date": isTime, "rendered_map_index": optional(isTextOrNull), "retry_reason": optional(isTextOrNull),
}

func state(q *request) answer {
	fields, problem := q.anyObject()
	if problem != nil {
		return refuse(problem)
	}
	name, _ := fields["state"].(string)
	s, known := states[name]
	if !known {
		return refuse(invalid("union_tag_invalid", "body"))
	}
	if problem := s.fits(fields); problem != nil {
		return refuse(problem)
	}
	status, problem := q.world.Report(q.parts[1], world.Report{At: time.Now(), Type: "state", State: name, Body: fields}, q.forced)
	return problemOr(problem, status)
}
