package world

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Frame answers one request of a runner, as a supervisor does that asks the API:
// a body, an error, or neither, in the shape of the world's release. Faults strike requests by the path that the
// supervisor would have asked. ResendLoggingFD is for the caller to answer.
func (w *World) Frame(ctx context.Context, task string, body message.Body) (message.Body, *message.ErrorResponse) {
	method, path := route(task, body)
	fault := w.Strike(method, path)
	if fault != nil && fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	answer, problem := w.frame(task, body, fault.Problem())
	w.Log(Request{At: time.Now(), Door: "frame", Method: method, Path: path, Task: task, Status: problem.status(200)})
	if problem == nil && answer != nil {
		shaped, err := w.shape.Frame(answer)
		if err == nil {
			return shaped, nil
		}
		problem = &Problem{Status: 400, Detail: err.Error()}
	}
	if problem == nil {
		return nil, nil
	}
	if code := absence(body); code != "" && problem.Status == 404 {
		return &message.ErrorResponse{Error: code, Detail: raw(map[string]any{"message": detailText(problem.Detail)})}, nil
	}
	return nil, &message.ErrorResponse{Error: message.APIServerError, Detail: raw(map[string]any{
		"status_code": problem.Status, "message": fmt.Sprintf("HTTP %d", problem.Status), "detail": problem.Detail,
	})}
}

func detailText(detail any) string {
	if m, ok := detail.(map[string]any); ok {
		if text, ok := m["message"].(string); ok {
			return text
		}
	}
	return fmt.Sprint(detail)
}

// absence is the code by which a supervisor says that the thing asked for is
// not there, or "" where that is no special case.
func absence(body message.Body) message.ErrorCode {
	switch body.(type) {
	case *message.GetConnection:
		return message.ConnectionNotFound
	case *message.GetVariable:
		return message.VariableNotFound
	case *message.GetXComSequenceItem:
		return message.XComNotFound
	}
	return ""
}

// route is the HTTP request that stands behind a message.
func route(task string, body message.Body) (method, path string) {
	xcom := func(parts ...string) string { return "xcoms/" + strings.Join(parts, "/") }
	instance := "task-instances/" + task + "/"
	switch b := body.(type) {
	case *message.GetConnection:
		return "GET", "connections/" + b.ConnID
	case *message.GetVariable:
		return "GET", "variables/" + b.Key
	case *message.GetVariableKeys:
		return "GET", "variables/keys"
	case *message.PutVariable:
		return "PUT", "variables/" + b.Key
	case *message.DeleteVariable:
		return "DELETE", "variables/" + b.Key
	case *message.GetXCom:
		return "GET", xcom(b.DagID, b.RunID, b.TaskID, b.Key)
	case *message.GetXComCount:
		return "HEAD", xcom(b.DagID, b.RunID, b.TaskID, b.Key)
	case *message.GetNumberXComs:
		return "HEAD", xcom(b.DagID, b.RunID, b.TaskID, b.Key)
	case *message.GetXComSequenceItem:
		return "GET", xcom(b.DagID, b.RunID, b.TaskID, b.Key, "item", fmt.Sprint(b.Offset))
	case *message.GetXComSequenceSlice:
		return "GET", xcom(b.DagID, b.RunID, b.TaskID, b.Key, "slice")
	case *message.SetXCom:
		return "POST", xcom(b.DagID, b.RunID, b.TaskID, b.Key)
	case *message.DeleteXCom:
		return "DELETE", xcom(b.DagID, b.RunID, b.TaskID, b.Key)
	case *message.SetRenderedFields:
		return "PUT", instance + "rtif"
	case *message.SetRenderedMapIndex:
		return "PATCH", instance + "rendered-map-index"
	case *message.UpdateDagRunNote:
		return "PATCH", instance + "dag-run-note"
	case *message.ValidateInletsAndOutlets:
		return "GET", instance + "validate-inlets-and-outlets"
	case *message.SkipDownstreamTasks:
		return "PATCH", instance + "skip-downstream"
	case *message.GetDagRunState:
		return "GET", "dag-runs/" + b.DagID + "/" + b.RunID + "/state"
	}
	if _, terminal := message.TerminalState(body); terminal {
		return "PATCH", instance + "state"
	}
	return "POST", "messages/" + body.MessageType() // handled by no path of the API
}

// frame does what a request asks for, unless a fault forbids it.
func (w *World) frame(task string, body message.Body, forced *Problem) (message.Body, *Problem) {
	if state, terminal := message.TerminalState(body); terminal {
		report := Report{At: time.Now(), Type: body.MessageType(), State: state}
		of, _ := w.shape.Operation(StateOperation)
		_, problem := w.Report(task, report, forced, of)
		return nil, problem
	}
	if forced != nil {
		return nil, forced
	}
	switch b := body.(type) {
	case *message.GetConnection:
		return w.getConnection(b)
	case *message.GetVariable:
		value, ok := w.Variable(b.Key)
		if !ok {
			return nil, NotFound(fmt.Sprintf("Variable with key '%s' not found", b.Key))
		}
		return &message.VariableResult{Key: b.Key, Value: &value}, nil
	case *message.GetVariableKeys:
		keys, total := w.VariableKeys(message.Or(b.Prefix, ""), message.Or(b.Limit, 1000), b.Offset)
		return &message.VariableKeysResult{Keys: keys, TotalEntries: total}, nil
	case *message.PutVariable:
		w.SetVariable(b.Key, message.Or(b.Value, ""))
		return nil, nil
	case *message.DeleteVariable:
		w.DeleteVariable(b.Key)
		return &message.OKResponse{OK: true}, nil
	case *message.SetRenderedFields, *message.SetRenderedMapIndex, *message.MaskSecret, *message.SkipDownstreamTasks,
		*message.SetExecutionTimeout, *message.UpdateDagRunNote:
		return nil, nil
	case *message.ValidateInletsAndOutlets:
		return &message.InactiveAssetsResult{}, nil
	case *message.GetDagRunState:
		return &message.DagRunStateResult{State: message.RunRunning}, nil
	}
	return w.xcomFrame(body)
}

func (w *World) getConnection(b *message.GetConnection) (message.Body, *Problem) {
	c, ok := w.Connection(b.ConnID)
	if !ok {
		return nil, NotFound(fmt.Sprintf("Connection with ID %s not found", b.ConnID))
	}
	result := &message.ConnectionResult{
		ConnID: c.ID, ConnType: c.Type, Host: text(c.Host), Schema: text(c.Schema),
		Login: text(c.Login), Password: text(c.Password), Extra: text(c.Extra),
	}
	if c.Port != 0 {
		result.Port = &c.Port
	}
	return result, nil
}

// VariableKeys returns the keys that begin with prefix, sorted, from an offset
// and at most limit of them, and how many there are in all.
func (w *World) VariableKeys(prefix string, limit, offset int) (keys []string, total int) {
	keys = []string{}
	for _, key := range w.Variables() {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	from := min(max(0, offset), len(keys))
	return keys[from:min(from+max(0, limit), len(keys))], len(keys)
}

// xcomFrame does what concerns XComs.
func (w *World) xcomFrame(body message.Body) (message.Body, *Problem) {
	switch b := body.(type) {
	case *message.SetXCom:
		value, err := b.Value.Value()
		if err != nil {
			return nil, &Problem{Status: 422, Detail: err.Error()}
		}
		w.SetXCom(XComKey{b.DagID, b.RunID, b.TaskID, message.Or(b.MapIndex, -1), b.Key}, value)
		return nil, nil
	case *message.DeleteXCom:
		w.DeleteXCom(XComKey{b.DagID, b.RunID, b.TaskID, message.Or(b.MapIndex, -1), b.Key})
		return nil, nil
	case *message.GetXCom:
		value, _ := w.XCom(XComKey{b.DagID, b.RunID, b.TaskID, message.Or(b.MapIndex, -1), b.Key})
		return &message.XComResult{Key: b.Key, Value: raw(value)}, nil
	case *message.GetXComCount:
		return &message.XComCountResponse{Len: len(w.Sequence(b.DagID, b.RunID, b.TaskID, b.Key))}, nil
	case *message.GetNumberXComs:
		return &message.XComLengthResponse{Len: len(w.Sequence(b.DagID, b.RunID, b.TaskID, b.Key))}, nil
	case *message.GetXComSequenceItem:
		values := w.Sequence(b.DagID, b.RunID, b.TaskID, b.Key)
		if value, ok := Item(values, b.Offset); ok {
			return &message.XComSequenceIndexResult{Root: raw(value)}, nil
		}
		return nil, NotFound("XCom item not found")
	case *message.GetXComSequenceSlice:
		values, problem := Slice(w.Sequence(b.DagID, b.RunID, b.TaskID, b.Key), b.Start, b.Stop, b.Step)
		if problem != nil {
			return nil, problem
		}
		result := &message.XComSequenceSliceResult{Root: message.List[message.Raw]{}}
		for _, value := range values {
			result.Root = append(result.Root, raw(value))
		}
		return result, nil
	}
	return nil, &Problem{Status: 400, Detail: "Unhandled request"}
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// raw encodes a canonical value. What came in by either door always encodes.
func raw(v any) message.Raw {
	r, err := message.RawOf(v)
	if err != nil {
		panic(fmt.Sprintf("world: a stored value does not encode: %v", err))
	}
	return r
}
