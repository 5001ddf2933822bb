package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// Func is the body of a task. It runs as the user that the task names, in a
// process of its own.
//
// Success is a nil error. Any other is a failure, which is retried while the
// server grants retries, and so is a panic; Fail, Skip, Retry, Reschedule and
// Defer make errors that end the task in another way. ctx is done when the task
// is to stop; a body that returns then still has its end reported.
type Func func(ctx context.Context, t *Task) error

// everyTask is the name under which a body serves what has none of its own.
const everyTask = "*"

// registry holds the bodies of a program.
type registry struct {
	mu     sync.Mutex
	bodies map[string]Func
}

var registered = &registry{}

// Register names the body of a task; call it before Main. The name is
//
//	dag_id.task_id   for that task
//	task_id          for tasks of that id in every Dag
//	*                for every task
//
// and the first of these that is registered serves. An empty name, one that is
// registered already and a nil body are mistakes of the program, and panic.
func Register(name string, body Func) { registered.add(name, body) }

func (r *registry) add(name string, body Func) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch _, there := r.bodies[name]; {
	case name == "":
		panic("runner.Register: a task needs a name")
	case body == nil:
		panic(fmt.Sprintf("runner.Register: task %q has no body", name))
	case there:
		panic(fmt.Sprintf("runner.Register: task %q is registered twice", name))
	}
	if r.bodies == nil {
		r.bodies = map[string]Func{}
	}
	r.bodies[name] = body
}

// find returns the body of a task, nil if there is none.
func (r *registry) find(ti message.TaskInstance) Func {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range []string{ti.DagID + "." + ti.TaskID, ti.TaskID, everyTask} {
		if body, ok := r.bodies[name]; ok {
			return body
		}
	}
	return nil
}

// names are sorted.
func (r *registry) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.bodies))
	for name := range r.bodies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
