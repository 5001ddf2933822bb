//go:build interop

package interop

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// taskLimit bounds one task with its supervisor, on a busy machine.
const taskLimit = 4 * time.Minute

// side is a runner, and the Dag file that it reads.
type side struct{ name, runner, probe string }

var (
	airflows   = side{"airflow", given + "/task-runner", "probe.py"}
	references = side{"reference", bin + "/understudy-runner", "probe.yaml"}
	sides      = []side{airflows, references}
)

// file is the Dag file of a Dag.
func (s side) file(dag string) string {
	if dag == "probe" {
		return s.probe
	}
	return dag + ".py"
}

// workloadToken is what a scheduler gives to an executor: good for POST /run alone.
func workloadToken(t *testing.T, id string) string {
	t.Helper()
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"sub": id, "scope": "workload", "aud": "urn:airflow.apache.org:task",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS512","typ":"JWT"}`)) + "." + encode(claims)
	sum := hmac.New(sha512.New, []byte(secret))
	sum.Write([]byte(signed))
	return signed + "." + encode(sum.Sum(nil))
}

// workload writes the file that an executor hands to a supervisor, and returns its
// path and that of the task log.
func workload(t *testing.T, i instance, dagFile string) (path, log string) {
	t.Helper()
	id, version := i.queue(t)
	name := i.run + "-" + i.task
	text, err := json.Marshal(map[string]any{
		"type": "ExecuteTask", "token": workloadToken(t, id), "dag_rel_path": dagFile, "log_path": name + ".log",
		"bundle_info": map[string]any{"name": "dags", "version": nil},
		"ti": map[string]any{
			"id": id, "dag_version_id": version, "dag_id": i.dag, "run_id": i.run, "task_id": i.task,
			"try_number": 1, "map_index": -1, "pool_slots": 1, "priority_weight": 1, "queue": "default",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(root, name+".json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	worker, err := credential("airflow")
	if err == nil {
		err = os.Chown(path, int(worker.Uid), int(worker.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, filepath.Join(logs, name+".log")
}

// supervised is a supervisor that runs.
type supervised struct {
	instance
	log    string // path of the task log
	ended  chan error
	stderr bytes.Buffer
}

// settings are those of the reference supervisor.
func settings() []string {
	return append(common(), "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1", "AIRFLOW__UNDERSTUDY__KILL_STEP=1",
		"AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=20") // the server shares a busy machine with ten Pythons
}

// supervise starts the reference supervisor on a task instance.
func supervise(t *testing.T, s side, i instance) *supervised {
	t.Helper()
	path, log := workload(t, i, s.file(i.dag))
	return start(t, i, log, "run", "--workload", path, "--runner", s.runner)
}

// submit hands a task instance to a supervisor that serves.
func submit(t *testing.T, s side, socket string, i instance) *supervised {
	t.Helper()
	path, log := workload(t, i, s.file(i.dag))
	return start(t, i, log, "submit", "--socket", socket, "--workload", path, "--wait")
}

// start starts the command understudy-supervisor, which ends with the task instance.
func start(t *testing.T, i instance, log string, args ...string) *supervised {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), taskLimit)
	t.Cleanup(cancel)
	cmd, err := asWorker(ctx, settings(), append([]string{bin + "/understudy-supervisor"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	r := &supervised{instance: i, log: log, ended: make(chan error, 1)}
	cmd.Stderr = &r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("supervisor: %s\ntask log:\n%s\nserver:\n%s", r.stderr.String(), tail(r.log), tail(root+"/api-server.log"))
		}
	})
	return r
}

// serving starts a supervisor that serves, and returns its socket. It is asked to end
// when the test has ended, and has to leave in good order.
func serving(t *testing.T, s side) (socket string) {
	t.Helper()
	worker, err := credential("airflow")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "serve-"+strings.ReplaceAll(t.Name(), "/", "-"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(worker.Uid), int(worker.Gid)); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "socket")
	cmd, err := asWorker(context.Background(), settings(), bin+"/understudy-supervisor", "serve", "--socket", socket, "--runner", s.runner)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve ended with %v: %s", err, stderr.String())
		}
	})
	until(t, "the supervisor serves", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket
}

// end waits until the supervisor has ended, which must know that the server knows.
func (r *supervised) end(t *testing.T) {
	t.Helper()
	if err := <-r.ended; err != nil {
		t.Fatalf("the supervisor ended with %v", err)
	}
}

// records returns the events in the task log.
func (r *supervised) records(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(r.log)
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for line := range strings.Lines(string(text)) {
		var record struct{ Event string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("the task log has the line %q: %v", line, err)
		}
		events = append(events, record.Event)
	}
	return events
}

// until asks again and again, and fails the test when the answer stays no.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(taskLimit); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// processesOf lists the living processes of a user: pid and name.
func processesOf(t *testing.T, name string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=,stat=,comm=", "-u", name).Output()
	if err != nil && len(out) > 0 {
		t.Fatal(err)
	}
	var living []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 3 && !strings.HasPrefix(fields[1], "Z") {
			living = append(living, fields[0]+" "+fields[2])
		}
	}
	return living
}

// number reads what JSON and SQLite give for an integer.
func number(value any) int {
	switch v := value.(type) {
	case float64:
		return int(v)
	case string:
		n, _ := strconv.Atoi(v) // 0 is no answer either
		return n
	}
	return 0
}
