package executionapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

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

// take decodes the body of an operation, if it has one, and holds it against the shape
// of the client's release. What of it only a newer release than all that are known may
// have is noted and let through.
func (q *request) take(operation string, of spoken.Type) *world.Problem {
	if of == "" || len(q.body) == 0 && of.Nullable() { // a client may send null as no body at all
		return nil
	}
	value, problem := q.value()
	if problem != nil {
		return problem
	}
	q.sent = value
	for _, fault := range q.shape.Body(of, value) {
		q.misfit(operation, fault)
		if !q.shape.Newer() || fault.Kind != shape.Extra {
			where := []any{"body"}
			if fault.Field != "" {
				where = append(where, fault.Field)
			}
			return invalid(string(fault.Kind), where...)
		}
	}
	return nil
}

func (q *request) misfit(what string, fault shape.Misfit) {
	q.world.Misfit(world.Misfit{Task: q.ti, What: what, As: q.shape, Fault: fault})
}

// fields are those of an object that was taken.
func (q *request) fields() map[string]any {
	fields, _ := q.sent.(map[string]any)
	return fields
}

func (q *request) text(name string) string {
	text, _ := q.fields()[name].(string)
	return text
}

func (q *request) number(name string) int {
	number, _ := q.fields()[name].(int64)
	return int(number)
}

func state(q *request) answer {
	report := world.Report{At: time.Now(), Type: "state", State: q.text("state"), Body: q.fields()}
	status, problem := q.world.Report(q.parts[1], report, q.forced, q.operation)
	return problemOr(problem, status)
}
