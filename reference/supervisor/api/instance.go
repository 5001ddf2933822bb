package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// Process is who runs a task, as the server knows it. It is the same in every
// request of an attempt.
type Process struct {
	Hostname string `json:"hostname"`
	Unixname string `json:"unixname,omitempty"` // only when the task starts
	PID      int    `json:"pid"`
}

// Instance is one task instance, for which the Client has the token.
type Instance struct {
	client *Client
	ti     string
}

// Instance returns the task instance with that id.
func (c *Client) Instance(id string) Instance { return Instance{c, id} }

func (s Instance) path(last string) []string { return []string{"task-instances", s.ti, last} }

// Run reports that the task is running. The answer is what the server knows about
// its run, see RunContext.
func (s Instance) Run(ctx context.Context, p Process, start time.Time) (json.RawMessage, error) {
	body, err := json.Marshal(struct {
		State string `json:"state"`
		Process
		StartDate message.Time `json:"start_date"`
	}{"running", p, message.At(start)})
	if err != nil {
		return nil, err
	}
	a, err := s.client.do(ctx, call{method: http.MethodPatch, path: s.path("run"), body: body})
	return a.body, err
}

// Beat sends one heartbeat, with one attempt.
func (s Instance) Beat(ctx context.Context, p Process) error {
	p.Unixname = ""
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.timeout)
	defer cancel()
	_, err = s.client.once(ctx, call{method: http.MethodPut, path: s.path("heartbeat"), body: body})
	return err
}

// State reports a terminal state; body is the JSON of it.
func (s Instance) State(ctx context.Context, body []byte) error {
	_, err := s.client.do(ctx, call{method: http.MethodPatch, path: s.path("state"), body: body})
	return err
}

// StateBody returns the JSON that reports the state a terminal message asks for.
func StateBody(body message.Body) ([]byte, error) {
	t, ok := body.(*message.TaskState)
	if !ok {
		return json.Marshal(body)
	}
	end := time.Now()
	if t.EndDate != nil {
		end = t.EndDate.Time
	}
	return json.Marshal(struct {
		State            message.EndState `json:"state"`
		EndDate          message.Time     `json:"end_date"`
		RenderedMapIndex *string          `json:"rendered_map_index"`
	}{t.State, message.At(end), t.RenderedMapIndex})
}

// FailureBody reports a task that ended without a terminal message.
func FailureBody(state string, end time.Time) []byte {
	b, err := json.Marshal(map[string]any{"state": state, "end_date": message.At(end), "rendered_map_index": nil})
	if err != nil {
		panic(fmt.Sprintf("api: encode state %q: %v", state, err)) // a string and a time of today
	}
	return b
}

// RunContext reads the server's answer to run, and masks the secrets in it.
func RunContext(answer []byte, mask *tasklog.Masker) (message.TIRunContext, error) {
	var c message.TIRunContext
	if err := json.Unmarshal(answer, &c); err != nil {
		return c, fmt.Errorf("read the server's answer to run: %w", err)
	}
	// Releases before 3.2 refuse the key, later ones insist on it; the server
	// knows which it serves.
	var keys struct {
		DagRun map[string]json.RawMessage `json:"dag_run"`
	}
	if err := json.Unmarshal(answer, &keys); err != nil {
		return c, fmt.Errorf("read the server's answer to run: %w", err)
	}
	if keys.DagRun == nil {
		return c, errors.New("read the server's answer to run: it has no dag_run")
	}
	if _, there := keys.DagRun["partition_key"]; !there {
		c.DagRun.PartitionKey.Omit = true
	}
	for _, connection := range c.Connections {
		if err := maskConnection(mask, connection); err != nil {
			return c, err
		}
	}
	for _, variable := range c.Variables {
		if err := maskVariable(mask, variable); err != nil {
			return c, err
		}
	}
	return c, nil
}
