package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/descent"
)

// The tests in this file run the two commands as they are installed, in a mount
// namespace with accounts of its own. That takes root. There is no sudo on such a
// path: a supervisor that is root switches by itself; the way through sudo is what
// the scenarios of role worker test. The uids are none of the fixture accounts of
// the suite, which may run on this machine at the same time.

const (
	aliceUID = 62902
	bobUID   = 62903
)

// builtIn is where built put the commands, "" if no test asked for them.
var builtIn string

// built compiles the commands once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "supervisor")
	if err != nil {
		return "", err
	}
	builtIn = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"understudy-supervisor", "understudy-keeper", "understudy-runner"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../../cmd/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, output)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	if act := os.Getenv("PUPPET"); act != "" {
		os.Exit(puppet(act))
	}
	if act := os.Getenv("FOREIGN"); act != "" {
		os.Exit(foreignRuntime(act, os.Args[1:]))
	}
	os.Exit(apart.Run(func() int {
		code := m.Run()
		os.RemoveAll(builtIn)
		return code
	}))
}

// site is a machine for one test: accounts, bundle, log folder, API.
type site struct {
	t    *testing.T
	api  *fakeAPI
	bin  string
	dir  string
	dags string
	env  []string
	argv []string // more arguments

	dagFile string
}

func newSite(t *testing.T) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("accounts of its own take root")
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &site{t: t, api: newFakeAPI(t), bin: bin, dir: dir, dags: filepath.Join(dir, "dags"), dagFile: "probe.yaml"}
	for path, text := range map[string]string{
		"passwd":          "root:x:0:0:root:/root:/bin/sh\nalice:x:62902:62902::/home/alice:/bin/sh\nbob:x:62903:62903::/home/bob:/bin/sh\n",
		"group":           "root:x:0:\nalice:x:62902:\nbob:x:62903:\ndags:x:62910:alice,bob\n",
		"dags/probe.yaml": "dag_id: probe\ntasks:\n  - {id: probe}\n  - {id: probe_alice, run_as_user: alice}\n  - {id: probe_bob, run_as_user: bob}\n  - {id: probe_ghost, run_as_user: ghost}\n",
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
		"AIRFLOW_HOME=" + dir,
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=" + s.api.URL + "/execution/",
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=" + fmt.Sprintf(`[{"name":"dags","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":%q}}]`, s.dags),
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=" + dir,
		"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1",
		"AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT=10",
		"AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN=0.01",
		"AIRFLOW__UNDERSTUDY__KILL_STEP=1",
	}
	return s
}

// verb is one verb of the probe.
type verb map[string]any

// command prepares a supervisor for a task; the verbs go into dag_run.conf.
func (s *site) command(task string, verbs ...verb) *exec.Cmd {
	s.t.Helper()
	s.api.mu.Lock()
	s.api.conf = map[string]any{"verbs": verbs, "barrier_dir": s.dir}
	s.api.mu.Unlock()
	workload := filepath.Join(s.dir, "workload.json")
	if err := os.WriteFile(workload, s.workload(tiID, task), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.supervisor(append([]string{"run", "--workload", workload}, s.argv...)...)
}

// workload is Airflow's JSON for a task.
func (s *site) workload(ti, task string) []byte {
	log := "logs/task.log"
	if ti != tiID {
		log = "logs/" + ti + ".log"
	}
	return fmt.Appendf(nil, `{"type":"ExecuteTask","token":"workload-token","dag_rel_path":%q,"log_path":%q,
		"bundle_info":{"name":"dags","version":null},
		"ti":{"id":%q,"task_id":%q,"dag_id":"probe","run_id":"r1","try_number":1,"dag_version_id":%q,"pool_slots":1,"priority_weight":1}}`,
		s.dagFile, log, ti, task, tiID)
}

// supervisor prepares the command as it runs on this machine.
func (s *site) supervisor(args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c",
		`mount --make-rprivate / && mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"`,
		s.dir, filepath.Join(s.bin, "understudy-supervisor")}, args...)...)
	cmd.Env = s.env
	cmd.ExtraFiles = []*os.File{os.Stderr} // no task is to have it
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true}
	return cmd
}

const tiID = "01900000-0000-7000-8000-000000000001"

// run runs a task to its end and returns the exit code.
func (s *site) run(task string, verbs ...verb) int {
	s.t.Helper()
	return s.finish(s.start(task, verbs...))
}

type running struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

func (s *site) start(task string, verbs ...verb) *running {
	s.t.Helper()
	r := &running{cmd: s.command(task, verbs...), stderr: new(bytes.Buffer)}
	r.cmd.Stderr = r.stderr
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *site) finish(r *running) int {
	s.t.Helper()
	timer := time.AfterFunc(patience.Limit, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	_ = r.cmd.Wait()
	if r.stderr.Len() > 0 {
		s.t.Logf("stderr: %s", r.stderr)
	}
	if r.cmd.ProcessState.ExitCode() < 0 {
		s.t.Fatalf("supervisor: %v\nlog:\n%s", r.cmd.ProcessState, s.log())
	}
	for _, uid := range []int{aliceUID, bobUID} {
		if left := processesOf(uid); len(left) > 0 {
			s.t.Errorf("processes of uid %d are left: %v", uid, left)
		}
	}
	return r.cmd.ProcessState.ExitCode()
}

func (s *site) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "logs", "task.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// records reads the task log; every line has to be a record.
func (s *site) records() []map[string]any {
	s.t.Helper()
	var records []map[string]any
	for line := range strings.Lines(s.log()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatalf("log line %q: %v", line, err)
		}
		for _, key := range []string{"timestamp", "level", "event"} {
			if _, ok := r[key]; !ok {
				s.t.Errorf("log line %q lacks %s", line, key)
			}
		}
		records = append(records, r)
	}
	return records
}

// waitFor waits until the API saw such a request.
func (s *site) waitFor(method, suffix string, count int) {
	s.t.Helper()
	for deadline := time.Now().Add(patience.Limit); len(s.api.all(method, suffix)) < count; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s ...%s; log:\n%s", method, suffix, s.log())
		}
	}
}

func processesOf(uid int) []string {
	all, err := descent.Of(0)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, p := range all {
		if p.UID == uid && !p.Zombie {
			found = append(found, fmt.Sprintf("%d %s", p.PID, p.Name))
		}
	}
	return found
}

// want compares the terminal states that were sent, in order.
func (s *site) want(states ...string) {
	s.t.Helper()
	if got := s.api.states(); !slices.Equal(got, states) {
		s.t.Errorf("states %v, want %v; log:\n%s", got, states, s.log())
	}
}
