package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// caller turns requests of a task into calls of the API.
type caller struct {
	instance Instance
	mask     *tasklog.Masker
	trace    map[string]string // of the request that is served
}

// Answer serves every message that is one call of the API. Terminal messages and
// those for the supervisor itself are not among them: *NotHandledError reports them. What
// the task learns and nobody may read in its log goes into mask. trace is the trace
// context of the request, which is passed on.
func (s Instance) Answer(ctx context.Context, body message.Body, mask *tasklog.Masker, trace map[string]string) (message.Body, error) {
	return caller{s, mask, trace}.answer(ctx, body)
}

// NotHandledError reports a message that a task cannot use.
type NotHandledError struct{ MessageType string }

func (e *NotHandledError) Error() string { return "Unhandled request" }

func (c caller) send(ctx context.Context, method string, path []string, query url.Values, body any) (answer, error) {
	k := call{method: method, path: path, query: query, trace: c.trace}
	var err error
	switch b := body.(type) {
	case nil:
	case message.Raw: // json.Marshal would read all of it twice more
		k.body, err = b.MarshalJSON()
	default:
		k.body, err = json.Marshal(body)
	}
	if err != nil {
		return answer{}, fmt.Errorf("encode request: %w", err)
	}
	return c.instance.client.do(ctx, k)
}

// get makes a GET and reads the answer into a new T.
func get[T any](ctx context.Context, c caller, query url.Values, path ...string) (*T, error) {
	a, err := c.send(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, err
	}
	into := new(T)
	return into, a.decode(into)
}

// done makes a call whose answer says nothing, and answers with OKResponse.
func (c caller) done(ctx context.Context, method string, query url.Values, body any, path ...string) (message.Body, error) {
	if _, err := c.send(ctx, method, path, query, body); err != nil {
		return nil, err
	}
	return &message.OKResponse{OK: true}, nil
}

// empty is done for messages that are answered with nothing.
func (c caller) empty(ctx context.Context, method string, query url.Values, body any, path ...string) (message.Body, error) {
	_, err := c.send(ctx, method, path, query, body)
	return nil, err
}

// absent turns "there is no such thing" into the answer that the runner expects.
func absent(err error, code message.ErrorCode, detail map[string]any) (message.Body, error) {
	if !Answered(err, http.StatusNotFound) {
		return nil, err
	}
	return errorResponse(code, detail)
}

// denied is absent for what a task may be forbidden to see: that must not look
// as if it were not there, or another, less guarded source would be asked.
func denied(err error, code message.ErrorCode, detail map[string]any) (message.Body, error) {
	if Answered(err, http.StatusUnauthorized, http.StatusForbidden) {
		return errorResponse(message.PermissionDenied, detail)
	}
	return absent(err, code, detail)
}

func errorResponse(code message.ErrorCode, detail map[string]any) (message.Body, error) {
	raw, err := message.RawOf(detail)
	return &message.ErrorResponse{Error: code, Detail: raw}, err
}

func (c caller) answer(ctx context.Context, body message.Body) (message.Body, error) {
	switch m := body.(type) {
	case *message.GetConnection:
		return c.connection(ctx, m)
	case *message.GetVariable:
		return c.variable(ctx, m)
	case *message.GetVariableKeys:
		q := url.Values{"limit": {strconv.Itoa(message.Or(m.Limit, 1000))}, "offset": {strconv.Itoa(m.Offset)}}
		setString(q, "prefix", m.Prefix)
		return asMessage(get[message.VariableKeysResult](ctx, c, q, "variables", "keys"))
	case *message.PutVariable:
		value := map[string]any{"val": m.Value, "description": m.Description}
		return c.empty(ctx, http.MethodPut, nil, value, "variables", m.Key)
	case *message.DeleteVariable:
		return c.done(ctx, http.MethodDelete, nil, nil, "variables", m.Key)

	case *message.GetXCom, *message.GetXComCount, *message.GetNumberXComs, *message.GetXComSequenceItem, *message.GetXComSequenceSlice,
		*message.SetXCom, *message.DeleteXCom:
		return c.xcom(ctx, body)

	case *message.SkipDownstreamTasks:
		return c.empty(ctx, http.MethodPatch, nil, m, c.instance.path("skip-downstream")...)
	case *message.SetRenderedFields:
		answer, err := c.empty(ctx, http.MethodPut, nil, m.RenderedFields, c.instance.path("rtif")...)
		if Answered(err, http.StatusGone) { // the run was cleared meanwhile; nobody will look
			err = nil
		}
		return answer, err
	case *message.SetRenderedMapIndex:
		return c.empty(ctx, http.MethodPatch, nil, m.RenderedMapIndex, c.instance.path("rendered-map-index")...)
	case *message.ValidateInletsAndOutlets:
		return asMessage(get[message.InactiveAssetsResult](ctx, c, nil, "task-instances", m.TIID, "validate-inlets-and-outlets"))
	case *message.CreateHITLDetailPayload:
		a, err := c.send(ctx, http.MethodPost, []string{"hitlDetails", m.TIID}, nil, m)
		if err != nil {
			return nil, err
		}
		result := new(message.HITLDetailRequestResult)
		return asMessage(result, a.decode(result))
	}
	return c.answerAboutRuns(ctx, body)
}

// asMessage makes a message of a pointer, without turning a nil one into a message.
func asMessage[T any, P interface {
	*T
	message.Body
}](p P, err error) (message.Body, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c caller) connection(ctx context.Context, m *message.GetConnection) (message.Body, error) {
	result, err := get[message.ConnectionResult](ctx, c, nil, "connections", m.ConnID)
	if err != nil {
		return denied(err, message.ConnectionNotFound, map[string]any{"conn_id": m.ConnID})
	}
	if err := maskConnection(c.mask, message.ConnectionResponse(*result)); err != nil {
		return nil, err
	}
	return result, nil
}

func (c caller) variable(ctx context.Context, m *message.GetVariable) (message.Body, error) {
	result, err := get[message.VariableResult](ctx, c, nil, "variables", m.Key)
	if err != nil {
		return denied(err, message.VariableNotFound, map[string]any{"key": m.Key})
	}
	if err := maskVariable(c.mask, message.VariableResponse(*result)); err != nil {
		return nil, err
	}
	return result, nil
}

func maskConnection(mask *tasklog.Masker, c message.ConnectionResponse) error {
	if c.Password != nil {
		if err := mask.Add(*c.Password); err != nil {
			return err
		}
	}
	if c.Extra != nil {
		return mask.AddExtra(*c.Extra)
	}
	return nil
}

func maskVariable(mask *tasklog.Masker, v message.VariableResponse) error {
	if v.Value == nil || !mask.Sensitive(v.Key) {
		return nil
	}
	return mask.Add(*v.Value)
}

func (c caller) xcom(ctx context.Context, body message.Body) (message.Body, error) {
	at := func(m struct{ DagID, RunID, TaskID, Key string }, more ...string) []string {
		return append([]string{"xcoms", m.DagID, m.RunID, m.TaskID, m.Key}, more...)
	}
	type name = struct{ DagID, RunID, TaskID, Key string }
	switch m := body.(type) {
	case *message.GetXCom:
		q := url.Values{}
		setIndex(q, "map_index", m.MapIndex)
		setTrue(q, "include_prior_dates", m.IncludePriorDates)
		result, err := get[message.XComResult](ctx, c, q, at(name{m.DagID, m.RunID, m.TaskID, m.Key})...)
		if Answered(err, http.StatusNotFound) { // xcom_pull then gives its default
			return &message.XComResult{Key: m.Key}, nil
		}
		return asMessage(result, err)
	case *message.GetXComCount:
		a, err := c.send(ctx, http.MethodHead, at(name{m.DagID, m.RunID, m.TaskID, m.Key}), nil, nil)
		if err != nil {
			return nil, err
		}
		text, ok := strings.CutPrefix(a.header.Get("Content-Range"), "map_indexes ")
		count, err := strconv.Atoi(text)
		if !ok || err != nil {
			return nil, fmt.Errorf("read the server's answer: Content-Range is %.80q", a.header.Get("Content-Range"))
		}
		return &message.XComCountResponse{Len: count}, nil
	case *message.GetNumberXComs:
		count, err := c.xcom(ctx, (*message.GetXComCount)(m))
		if err != nil {
			return nil, err
		}
		return (*message.XComLengthResponse)(count.(*message.XComCountResponse)), nil
	case *message.GetXComSequenceItem:
		value, err := get[message.Raw](ctx, c, nil, at(name{m.DagID, m.RunID, m.TaskID, m.Key}, "item", strconv.Itoa(m.Offset))...)
		if err != nil {
			return absent(err, message.XComNotFound, map[string]any{
				"dag_id": m.DagID, "run_id": m.RunID, "task_id": m.TaskID, "key": m.Key, "offset": m.Offset})
		}
		return &message.XComSequenceIndexResult{Root: *value}, nil
	case *message.GetXComSequenceSlice:
		q := url.Values{}
		for key, value := range map[string]*int{"start": m.Start, "stop": m.Stop, "step": m.Step} {
			if value != nil {
				q.Set(key, strconv.Itoa(*value))
			}
		}
		setTrue(q, "include_prior_dates", m.IncludePriorDates)
		a, err := c.send(ctx, http.MethodGet, at(name{m.DagID, m.RunID, m.TaskID, m.Key}, "slice"), q, nil)
		if err != nil {
			return nil, err
		}
		list, err := values(a.body)
		return asMessage(&message.XComSequenceSliceResult{Root: list}, err)
	case *message.SetXCom:
		q := url.Values{}
		setTrue(q, "dag_result", m.DagResult)
		setIndex(q, "map_index", m.MapIndex)
		setIndex(q, "mapped_length", m.MappedLength)
		return c.empty(ctx, http.MethodPost, q, m.Value, at(name{m.DagID, m.RunID, m.TaskID, m.Key})...)
	case *message.DeleteXCom:
		q := url.Values{}
		setIndex(q, "map_index", m.MapIndex)
		return c.empty(ctx, http.MethodDelete, q, nil, at(name{m.DagID, m.RunID, m.TaskID, m.Key})...)
	}
	return nil, &NotHandledError{body.MessageType()}
}

// values reads a JSON array without looking at its elements more than once: an
// XCom can be large.
func values(body []byte) (message.List[message.Raw], error) {
	var all message.Raw
	if err := all.UnmarshalJSON(body); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	count, rest, err := msgp.ReadArrayHeaderBytes(all)
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	list := make(message.List[message.Raw], 0, count) // all of it is there: it was just written
	for range count {
		after, err := msgp.Skip(rest)
		if err != nil {
			return nil, fmt.Errorf("read the server's answer: %w", err)
		}
		list = append(list, message.Raw(rest[:len(rest)-len(after)]))
		rest = after
	}
	return list, nil
}

// setIndex sets a parameter that the server does not take below 0.
func setIndex(q url.Values, key string, value *int) {
	if value != nil && *value >= 0 {
		q.Set(key, strconv.Itoa(*value))
	}
}

func setTrue(q url.Values, key string, value bool) {
	if value {
		q.Set(key, "true")
	}
}

func setString(q url.Values, key string, value *string) {
	if value != nil {
		q.Set(key, *value)
	}
}

func setTime(q url.Values, key string, value *message.Time) {
	if value != nil {
		q.Set(key, value.UTC().Format(time.RFC3339Nano))
	}
}
