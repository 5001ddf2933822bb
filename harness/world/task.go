package world

import (
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/protocol/spoken"
)

// TaskInstance is one attempt of one task, as the server knows it.
type TaskInstance struct {
	ID                 string // UUID
	Dag, Run, Task     string
	Map                int // -1: not mapped
	Try                int
	DagVersionID       string // UUID
	ShouldRetry        bool
	MaxTries           int
	Conf               map[string]any // dag_run.conf
	LogicalDate        time.Time      // also run_after and the data interval
	Token              string         // what the worker was given for /run
	Refreshed          string         // if set, /run answers it as Refreshed-API-Token, and only it counts afterwards
	State              string         // queued, running, success, failed, ...
	Hostname, Unixname string         // from the start
	PID                int            // from the start
	Starts             []Start
	Heartbeats         []Heartbeat
	Reports            []Report
}

// Start is one PATCH .../run.
type Start struct {
	At                 time.Time
	Hostname, Unixname string
	PID                int
	Status             int // what it was answered
}

// Heartbeat is one PUT .../heartbeat.
type Heartbeat struct {
	At       time.Time
	Hostname string
	PID      int
	Status   int
}

// Report is one message about the state of the task: PATCH .../state, or a
// terminal frame, in the order in which they came.
type Report struct {
	At     time.Time
	Type   string // type of the frame; "state" over HTTP
	State  string
	Body   map[string]any
	Status int
}

// ended lists the states after which a task instance is not running.
var ended = []string{"success", "failed", "skipped", "removed", "up_for_retry", "up_for_reschedule", "deferred", "awaiting_input"}

// AddTask stores a task instance in state queued. Its token is a secret of the world.
func (w *World) AddTask(ti TaskInstance) {
	ti.State = "queued"
	w.change(func() {
		w.tasks[ti.ID] = &ti
		w.order = append(w.order, ti.ID)
		w.addSecret(ti.Token)
		w.addSecret(ti.Refreshed)
	})
}

// Task returns a copy of the task instance as it is now.
func (w *World) Task(id string) (TaskInstance, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ti, ok := w.tasks[id]
	if !ok {
		return TaskInstance{}, false
	}
	return ti.copy(), true
}

// Tasks returns copies of all task instances in the order of AddTask.
func (w *World) Tasks() []TaskInstance {
	w.mu.Lock()
	defer w.mu.Unlock()
	tasks := make([]TaskInstance, len(w.order))
	for i, id := range w.order {
		tasks[i] = w.tasks[id].copy()
	}
	return tasks
}

// SetState changes the state of a task instance behind the implementation's
// back, as a person who marks it failed in the UI does.
func (w *World) SetState(id, state string) {
	w.change(func() {
		if ti, ok := w.tasks[id]; ok {
			ti.State = state
		}
	})
}

func (ti *TaskInstance) copy() TaskInstance {
	c := *ti
	c.Starts = slices.Clone(ti.Starts)
	c.Heartbeats = slices.Clone(ti.Heartbeats)
	c.Reports = slices.Clone(ti.Reports)
	return c
}

// Begin is PATCH .../run. It is idempotent by host, account and process, as the
// server's is: a client that lost the answer asks again.
func (w *World) Begin(id string, start Start) *Problem {
	var problem *Problem
	w.change(func() {
		ti, ok := w.tasks[id]
		if !ok {
			problem = NotFound("Task Instance not found")
			return
		}
		same := ti.State == "running" && ti.Hostname == start.Hostname && ti.Unixname == start.Unixname && ti.PID == start.PID
		switch {
		case same:
		case ti.State == "queued" || ti.State == "restarting":
			ti.State, ti.Hostname, ti.Unixname, ti.PID = "running", start.Hostname, start.Unixname, start.PID
		default:
			problem = &Problem{Status: 409, Detail: map[string]any{
				"reason": "invalid_state", "message": "TI was not in a state where it could be marked as running", "previous_state": ti.State,
			}}
		}
		start.Status = problem.status(200)
		ti.Starts = append(ti.Starts, start)
	})
	return problem
}

// Beat is PUT .../heartbeat; forced, if set, is the answer a fault demands.
func (w *World) Beat(id string, beat Heartbeat, forced *Problem) *Problem {
	problem := forced
	w.change(func() {
		ti, ok := w.tasks[id]
		if !ok {
			problem = &Problem{Status: 404, Detail: map[string]any{"reason": "not_found", "message": "Task Instance not found"}}
			return
		}
		switch {
		case problem != nil:
		case ti.State != "running":
			problem = &Problem{Status: 409, Detail: map[string]any{
				"reason": "not_running", "message": "TI is no longer in the running state and task should terminate", "current_state": ti.State,
			}}
		case ti.Hostname != beat.Hostname || ti.PID != beat.PID:
			problem = &Problem{Status: 409, Detail: map[string]any{
				"reason": "running_elsewhere", "message": "TI is already running elsewhere",
				"current_hostname": ti.Hostname, "current_pid": int64(ti.PID),
			}}
		}
		beat.Status = problem.status(204)
		ti.Heartbeats = append(ti.Heartbeats, beat)
	})
	return problem
}

// Operations of the API whose answers differ between releases.
const (
	HeartbeatOperation = "PUT /task-instances/{task_instance_id}/heartbeat"
	StateOperation     = "PATCH /task-instances/{task_instance_id}/state"
)

// StateServerTerminated is no state of a task: by it a supervisor says that the task
// which the server stopped has ended (Airflow 3.4).
const StateServerTerminated = "server_terminated"

// Report is PATCH .../state or a terminal frame; of is the operation as the client's
// release has it. The answer is 204, or 200 where the state is repeated and the release
// says that; another state after the end is a conflict.
func (w *World) Report(id string, r Report, forced *Problem, of spoken.Operation) (int, *Problem) {
	status, problem := 204, forced
	w.change(func() {
		ti, ok := w.tasks[id]
		if !ok {
			problem = &Problem{Status: 404, Detail: map[string]any{"reason": "not_found", "message": "Task Instance not found"}}
			return
		}
		switch {
		case problem != nil:
		case r.State == StateServerTerminated:
			problem = ti.terminated(r)
		case ti.State == r.State && of.Declares(200):
			status = 200
		case slices.Contains(ended, ti.State):
			problem = &Problem{Status: 409, Detail: map[string]any{
				"reason": "invalid_state", "message": "TI was not in the running state so it cannot be updated", "previous_state": ti.State,
			}}
		default:
			ti.State = r.State
		}
		r.Status = problem.status(status)
		ti.Reports = append(ti.Reports, r)
	})
	return status, problem
}

// terminated is the answer to the word that the process of a stopped task has ended: it
// changes no state, and has to come from where the task ran.
func (ti *TaskInstance) terminated(r Report) *Problem {
	switch {
	case r.Body["hostname"] != ti.Hostname || r.Body["pid"] != int64(ti.PID):
		return &Problem{Status: 409, Detail: map[string]any{"reason": "running_elsewhere"}}
	case !slices.Contains(ended, ti.State):
		return &Problem{Status: 409, Detail: map[string]any{"reason": "invalid_state"}}
	}
	return nil
}

// Stops lists the answers to a heartbeat that stop a task, as far as a release declares them.
func Stops(as shape.Shape) []int {
	heartbeat, _ := as.Operation(HeartbeatOperation)
	return slices.DeleteFunc([]int{404, 409, 410}, func(status int) bool { return !heartbeat.Declares(status) })
}
