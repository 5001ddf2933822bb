package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Process is who runs a task, as the server knows it. It is the same in every
// request of an attempt.
type Process struct {
	Hostname string `json:"hostname"`
	Unixname string `json:"unixname,omitempty"` // only when the task starts
	PID      int    `json:"pid"`
}

// server makes the calls about one task instance itself.
type server struct {
	client *Client
	ti     string
}

func (s server) path(last string) []string { return []string{"task-instances", s.ti, last} }

// run reports that the task is running. The answer is what the server knows about
// its run.
func (s server) run(ctx context.Context, p Process, start time.Time) (json.RawMessage, error) {
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

// beat sends one heartbeat, with one attempt.
func (s server) beat(ctx context.Context, p Process) error {
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

// state reports a terminal state; body is the JSON of it.
func (s server) state(ctx context.Context, body []byte) error {
	_, err := s.client.do(ctx, call{method: http.MethodPatch, path: s.path("state"), body: body})
	return err
}

// stateBody returns the JSON that reports the state a terminal message asks for.
func stateBody(body message.Body) ([]byte, error) {
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

// failureBody reports a task that ended without a terminal message.
func failureBody(state string, end time.Time) []byte {
	b, err := json.Marshal(map[string]any{"state": state, "end_date": message.At(end), "rendered_map_index": nil})
	if err != nil {
		panic(fmt.Sprintf("supervisor: encode state %q: %v", state, err)) // a string and a time of today
	}
	return b
}
