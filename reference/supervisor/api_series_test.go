//go:build sudo

package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// tasksAPI is an Execution API for many tasks at once. Each has one id, which is
// that of its task instance and of its run.
type tasksAPI struct {
	*httptest.Server

	mu    sync.Mutex
	tasks map[string]*apiTask
}

// apiTask is what the API knows of one task.
type apiTask struct {
	conf  any
	ready chan struct{} // closed by the first XCom: the task is in user code

	mu     sync.Mutex
	doomed bool // heartbeats are answered 409
	pid    int  // the task process, as PATCH .../run said
	xcoms  int
	states []string
}

func newTasksAPI() *tasksAPI {
	a := &tasksAPI{tasks: map[string]*apiTask{}}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	return a
}

func (a *tasksAPI) add(id string, conf any) *apiTask {
	task := &apiTask{conf: conf, ready: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tasks[id] = task
	return task
}

func (a *tasksAPI) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tasks, id)
}

func (a *tasksAPI) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/execution/"), "/")
	a.mu.Lock()
	var task *apiTask
	for _, p := range part {
		if task == nil {
			task = a.tasks[p]
		}
	}
	a.mu.Unlock()
	switch {
	case task == nil:
		notFound(w)
	case part[0] == "task-instances":
		task.transition(w, part[len(part)-1], body)
	case part[0] == "xcoms" && r.Method == http.MethodPost:
		task.pushed()
		w.WriteHeader(http.StatusCreated)
	default:
		notFound(w)
	}
}

func (t *apiTask) transition(w http.ResponseWriter, what string, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var told struct {
		PID   int
		State string
	}
	_ = json.Unmarshal(body, &told)
	switch what {
	case "run":
		t.pid = told.PID
		context, _ := json.Marshal(map[string]any{
			"dag_run": map[string]any{
				"dag_id": "probe", "run_id": "r", "logical_date": nil, "data_interval_start": nil, "data_interval_end": nil,
				"run_after": "2026-01-01T00:00:00Z", "start_date": "2026-01-01T00:00:00Z", "end_date": nil, "run_type": "manual",
				"state": "running", "conf": t.conf, "consumed_asset_events": []any{}, "partition_key": nil,
			},
			"max_tries": 1, "should_retry": false,
		})
		answerJSON(w, http.StatusOK, string(context))
		return
	case "heartbeat":
		if t.doomed {
			answerJSON(w, http.StatusConflict, `{"detail":{"reason":"not_running","current_state":"failed"}}`)
			return
		}
	case "state":
		t.states = append(t.states, told.State)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (t *apiTask) pushed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.xcoms++; t.xcoms == 1 {
		close(t.ready)
	}
}

// doom lets the server say from now on that the task is not to run.
func (t *apiTask) doom() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doomed = true
}

func (t *apiTask) process() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pid
}

// reported says what differs from the terminal states that were to be sent.
func (t *apiTask) reported(states ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.states, states) {
		return fmt.Errorf("states %v, want %v", t.states, states)
	}
	return nil
}
