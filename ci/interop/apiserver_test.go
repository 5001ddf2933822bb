//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killBound is the time from the state in the database to the end of everything: a
// heartbeat, the step from SIGTERM to SIGKILL, and room for a busy machine.
const killBound = 30 * time.Second

// dagRun is a Dag run that site.py makes.
type dagRun struct {
	Run  string         `json:"run"`
	Dag  string         `json:"dag"`
	Conf map[string]any `json:"conf"`
}

type verbs []map[string]any

func runs() []dagRun {
	all := []dagRun{
		{"states", "states", map[string]any{}},
		{"outlive", "probe", map[string]any{"verbs": verbs{
			{"do": "sleep", "seconds": (tokenLife + 2*time.Second).Seconds()}, {"do": "push_xcom", "key": "late", "value": true},
		}}},
	}
	for _, s := range sides {
		all = append(all,
			dagRun{s.name + "-talk", "probe", map[string]any{"verbs": talk(s)}},
			dagRun{s.name + "-ghost", "probe", map[string]any{"verbs": verbs{{"do": "push_xcom", "key": "ran", "value": true}}}},
			dagRun{s.name + "-kill", "probe", map[string]any{"verbs": stubborn}},
			dagRun{s.name + "-killone", "probe", map[string]any{"verbs": stubborn}},
			dagRun{s.name + "-other", "probe", map[string]any{"verbs": verbs{{"do": "wait_for", "name": s.name}}, "barrier_dir": root}},
		)
	}
	return all
}

// talk is a task that uses every kind of call.
func talk(s side) verbs {
	name := s.name + "_variable"
	return verbs{
		{"do": "whoami", "save": "who"},
		{"do": "log", "message": "said once"},
		{"do": "push_xcom", "key": "said", "value": map[string]any{"n": 7}},
		{"do": "pull_xcom", "task_id": "probe_alice", "key": "said", "save": "heard"},
		{"do": "put_variable", "key": name, "value": "v"},
		{"do": "get_variable", "key": name, "save": "variable"},
		{"do": "get_variable", "key": "absent", "catch": true, "save": "absent"},
		{"do": "get_connection", "conn_id": "absent", "catch": true, "save": "connection"},
		{"do": "delete_variable", "key": name},
	}
}

// stubborn is a task that only SIGKILL ends, and its daemon.
var stubborn = verbs{
	{"do": "ignore_sigterm"},
	{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true},
	{"do": "push_xcom", "key": "ready", "value": true},
	{"do": "sleep", "seconds": 600},
}

func TestAPIServer(t *testing.T) {
	// It takes as long as all others together, and is bob's.
	long := supervise(t, references, instance{"probe", "outlive", "probe_bob"})
	t.Run("together", func(t *testing.T) {
		for _, s := range sides {
			t.Run("talk/"+s.name, func(t *testing.T) { t.Parallel(); talks(t, s) })
			t.Run("ghost/"+s.name, func(t *testing.T) { t.Parallel(); ghost(t, s) })
		}
	})
	t.Run("states", func(t *testing.T) {
		socket := serving(t, airflows)
		t.Run("of one server", func(t *testing.T) {
			for task, state := range map[string]string{"skip": "skipped", "reschedule": "up_for_reschedule", "defer": "deferred"} {
				t.Run(task, func(t *testing.T) { t.Parallel(); ends(t, socket, task, state) })
			}
		})
	})
	// One after the other, so that every process of alice belongs to the tasks of the test.
	for _, s := range sides {
		t.Run("kill/"+s.name, func(t *testing.T) { kill(t, s) })
		t.Run("kill one of two/"+s.name, func(t *testing.T) { killOne(t, s) })
	}
	t.Run("outlives its first token", func(t *testing.T) {
		long.end(t)
		if _, late := long.xcom(t, "late"); !late || long.state(t) != "success" {
			t.Errorf("state %v, XCom after the first token had expired: %v", long.state(t), late)
		}
	})
}

func talks(t *testing.T, s side) {
	r := supervise(t, s, instance{"probe", s.name + "-talk", "probe_alice"})
	r.end(t)
	row := r.row(t, "state, hostname, unixname, pid, start_date, end_date")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if row[0] != "success" || row[1] != host || row[2] != "airflow" || number(row[3]) <= 1 || row[4] == nil || row[5] == nil {
		t.Errorf("state, hostname, unixname, pid, start and end in the database: %v", row)
	}
	who, _ := r.xcom(t, "who")
	alice, err := credential("alice")
	if err != nil {
		t.Fatal(err)
	}
	if ids, _ := who.(map[string]any); number(ids["euid"]) != int(alice.Uid) || number(ids["ruid"]) != int(alice.Uid) {
		t.Errorf("the task ran as %v, alice is %d", who, alice.Uid)
	}
	for key, want := range map[string]string{"said": "map[n:7]", "heard": "map[n:7]", "variable": "v"} {
		if got, ok := r.xcom(t, key); !ok || fmt.Sprint(got) != want {
			t.Errorf("XCom %s is %v, want %s", key, got, want)
		}
	}
	for _, key := range []string{"absent", "connection"} {
		if got, _ := r.xcom(t, key); !strings.Contains(fmt.Sprint(got), "error:") {
			t.Errorf("what the server has not is %v for the task", got)
		}
	}
	if events := r.records(t); count(events, "said once") != 1 {
		t.Errorf("the task log has the task's words %d times: %q", count(events, "said once"), events)
	}
}

func count(events []string, event string) (n int) {
	for _, e := range events {
		if e == event {
			n++
		}
	}
	return n
}

func ghost(t *testing.T, s side) {
	r := supervise(t, s, instance{"probe", s.name + "-ghost", "probe_ghost"})
	r.end(t)
	if state := r.state(t); state != "failed" {
		t.Errorf("state %v", state)
	}
	if _, ran := r.xcom(t, "ran"); ran {
		t.Error("the task's code ran")
	}
	if events := r.records(t); !slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, "ghost") }) {
		t.Errorf("the task log does not name the user: %q", events)
	}
}

func ends(t *testing.T, socket, task, state string) {
	r := submit(t, airflows, socket, instance{"states", "states", task})
	r.end(t)
	if got := r.state(t); got != state {
		t.Errorf("state %v, want %s", got, state)
	}
	if state == "deferred" {
		if row := r.row(t, "trigger_id"); row[0] == nil {
			t.Error("no trigger waits for the task")
		}
	}
}

// stubbornProcesses waits until a stubborn task runs and returns its processes: itself and its daemon.
func stubbornProcesses(t *testing.T, r *supervised) []string {
	t.Helper()
	until(t, "the task of alice runs", func() bool { _, ready := r.xcom(t, "ready"); return ready })
	all := processesOf(t, "alice")
	if len(all) < 2 || !slices.ContainsFunc(all, func(p string) bool { return strings.HasSuffix(p, " sleep") }) {
		t.Fatalf("processes of alice before the kill: %q, want the task and its daemon", all)
	}
	return all
}

// endFromOutside fails the task in the database, as a person does who presses the
// button, and waits for its end.
func endFromOutside(t *testing.T, r *supervised) {
	t.Helper()
	sql(t, "UPDATE task_instance SET state='failed' WHERE dag_id=? AND run_id=? AND task_id=?", r.dag, r.run, r.task)
	began := time.Now()
	r.end(t)
	took := time.Since(began)
	if took > killBound {
		t.Errorf("the end took %s", took)
	}
	if state := r.state(t); state != "failed" {
		t.Errorf("the state that the server had given became %v", state)
	}
	t.Logf("the supervisor was done %s after the state in the database", took.Round(10*time.Millisecond))
}

func kill(t *testing.T, s side) {
	r := supervise(t, s, instance{"probe", s.name + "-kill", "probe_alice"})
	stubbornProcesses(t, r)
	endFromOutside(t, r)
	if left := processesOf(t, "alice"); len(left) > 0 {
		t.Errorf("processes of alice outlived the task: %q", left)
	}
}

// killOne ends one of two tasks of alice that one process supervises.
func killOne(t *testing.T, s side) {
	socket := serving(t, s)
	r := submit(t, s, socket, instance{"probe", s.name + "-killone", "probe_alice"})
	doomed := stubbornProcesses(t, r)
	barrier := root + "/" + s.name
	if err := syscall.Mkfifo(barrier, 0o644); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(barrier, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	other := submit(t, s, socket, instance{"probe", s.name + "-other", "probe_alice"})
	until(t, "the other task of alice runs", func() bool { _, there := other.xcom(t, "at_"+s.name); return there })

	endFromOutside(t, r)
	left := processesOf(t, "alice")
	for _, p := range doomed {
		if slices.Contains(left, p) {
			t.Errorf("%s outlived its task", p)
		}
	}
	if len(left) == 0 {
		t.Error("the other task of alice was ended, too")
	}
	if _, err := gate.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	other.end(t)
	if state := other.state(t); state != "success" {
		t.Errorf("the other task of alice is %v", state)
	}
}

// What the workload's token is good for, so that the tests above show that the other
// ones are used.
func TestWorkloadTokenIsForTheStartAlone(t *testing.T) {
	i := instance{"states", "states", "skip"}
	id := dashed(t, i.row(t, "id")[0])
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, api+"task-instances/"+id+"/heartbeat", bytes.NewBufferString(`{"hostname":"h","pid":1}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+workloadToken(t, id))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a heartbeat with the workload's token: status %d", response.StatusCode)
	}
}
