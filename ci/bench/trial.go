package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-conformance/understudy/harness/world"
)

// trial is one task from its workload to the proof that it ran.
type trial struct {
	user     account
	instance world.TaskInstance
	world    *world.World
	door     http.Handler

	mu    sync.Mutex
	marks []mark
	ran   bool // a process of the task had the user's ids when the state was reported
	seen  string
}

// mark is a request at the Execution API.
type mark struct {
	what           string // last part of its path
	came, answered time.Time
}

// newTrial makes a task that does nothing, as a user, and tells the API of it.
func (s *site) newTrial(u account) *trial {
	t := &trial{user: u, instance: world.TaskInstance{
		ID: uuid.NewString(), Dag: "probe", Run: "bench", Task: "probe_" + u.name, Map: -1, Try: 1,
		DagVersionID: uuid.NewString(), Conf: map[string]any{"verbs": []any{}}, LogicalDate: time.Now().UTC().Truncate(time.Microsecond),
		Token: "workload-" + uuid.NewString(), Refreshed: "execution-" + uuid.NewString(),
	}}
	s.api.admit(t)
	return t
}

// workload is what Airflow's executor would hand over.
func (t *trial) workload(dagFile string) []byte {
	ti := t.instance
	text, err := json.Marshal(map[string]any{
		"type": "ExecuteTask", "token": ti.Token, "dag_rel_path": dagFile, "log_path": ti.ID + ".log",
		"bundle_info": map[string]any{"name": "dags", "version": nil},
		"ti": map[string]any{
			"id": ti.ID, "task_id": ti.Task, "dag_id": ti.Dag, "run_id": ti.Run, "try_number": ti.Try,
			"dag_version_id": ti.DagVersionID, "map_index": -1, "pool_slots": 1, "priority_weight": 1, "queue": "default",
		},
	})
	if err != nil {
		panic(err) // plain data always encodes
	}
	return text
}

func (t *trial) mark(what string, came, answered time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks = append(t.marks, mark{what, came, answered})
}

// look asks the kernel who the task is: one process at or below the pid that was
// told to the API must have the user's ids, all of them. It takes about a tenth of a
// millisecond, which counts for the subject.
func (t *trial) look() {
	ti, _ := t.world.Task(t.instance.ID)
	ran, seen := false, []string{}
	for line := descendants(ti.PID); len(line) > 0 && !ran; line = line[:len(line)-1] { // the youngest first: that is the runner
		pid := line[len(line)-1]
		ids := idsOf(pid)
		seen = append(seen, fmt.Sprintf("pid %d: uid %s", pid, ids))
		ran = ids == t.user.allIDs()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ran, t.seen = ran, strings.Join(seen, ", ")
}

// idsOf returns real, effective, saved and file system uid of a process.
func idsOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "gone"
	}
	_, rest, found := strings.Cut(string(text), "\nUid:")
	if !found {
		return "unknown"
	}
	ids, _, _ := strings.Cut(rest, "\n")
	return strings.Join(strings.Fields(ids), " ")
}

// descendants lists a process and what descends from it, parents first. Only
// children of main threads are followed: sudo has no other thread, and of the
// programs below it one process is enough.
func descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, childrenOf(all[i], all[i])...)
	}
	return all
}

// childrenOf lists the children that a thread of a process has started.
func childrenOf(pid, thread int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, thread))
	if err != nil {
		return nil // it ended
	}
	var children []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// allChildrenOf lists the children that all threads of a process have started.
func allChildrenOf(pid int) []int {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil // it ended
	}
	var children []int
	for _, entry := range threads {
		if thread, err := strconv.Atoi(entry.Name()); err == nil {
			children = append(children, childrenOf(pid, thread)...)
		}
	}
	return children
}

// proved returns nil if the API heard of success, once, and the task was its user.
func (t *trial) proved() error {
	ti, _ := t.world.Task(t.instance.ID)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case ti.State != "success":
		return fmt.Errorf("the task is %s at the API, expected success", ti.State)
	case len(ti.Reports) != 1:
		return fmt.Errorf("the API heard of %d states, expected one", len(ti.Reports))
	case !t.ran:
		return fmt.Errorf("no process of the task was %s (uid %d): %s", t.user.name, t.user.uid, t.seen)
	}
	return nil
}

// timeline cuts the time from begin to end at the requests of run and state.
func (t *trial) timeline(begin, end time.Time) []span {
	t.mu.Lock()
	defer t.mu.Unlock()
	var spans []span
	at := begin
	for _, m := range t.marks {
		switch m.what {
		case "run":
			spans = append(spans, span{"begin until /run is asked", m.came.Sub(at)}, span{"/run is answered", m.answered.Sub(m.came)})
		case "state":
			spans = append(spans, span{"/run answered until the task reports its state (the switch, the runner)", m.came.Sub(at)}, span{"/state is answered, the look at the process included", m.answered.Sub(m.came)})
		default:
			continue
		}
		at = m.answered
	}
	return append(spans, span{"/state answered until the end is known", end.Sub(at)})
}

type span struct {
	name string
	took time.Duration
}

// phases gathers the timelines of all subjects, in the order in which their spans
// first appear.
func phases(pairs []pair) []Phase {
	var names []string
	values := map[string][]float64{}
	for _, p := range pairs {
		for _, span := range p.subject.timeline {
			if _, known := values[span.name]; !known {
				names = append(names, span.name)
			}
			values[span.name] = append(values[span.name], inMilliseconds(span.took))
		}
	}
	var phases []Phase
	for _, name := range names {
		phases = append(phases, Phase{name, spreadOf(values[name])})
	}
	return phases
}
