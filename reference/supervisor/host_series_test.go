//go:build sudo

// The series of this folder need sudo, sudo-rs and the accounts airflow and alice,
// and write sudoers files. The tier "series" of ci/test gives them a container.

package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// commands is where the two commands lie, as the narrow policy names them.
const commands = "/usr/local/bin"

// repetitions is how often a series repeats: UNDERSTUDY_SERIES, a number or
// "full", which is the number of the promise.
func repetitions(t *testing.T, full int) int {
	t.Helper()
	switch text := os.Getenv("UNDERSTUDY_SERIES"); text {
	case "":
		return 5
	case "full":
		return full
	default:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("UNDERSTUDY_SERIES=%s is neither a number nor full", text)
		}
		return n
	}
}

// repeat does one n times, several at once, and says how often it held.
func repeat(t *testing.T, n, atOnce int, one func(i int) error) {
	t.Helper()
	begin := time.Now()
	var held atomic.Int64
	next := make(chan int)
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for i := range next {
				if err := one(i); err != nil {
					t.Errorf("repetition %d: %v", i, err)
				} else {
					held.Add(1)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
	t.Logf("%d of %d held, %.1f s", held.Load(), n, time.Since(begin).Seconds())
}

// setup is one way in which sudo is set up.
type setup struct {
	name   string
	policy string
	rs     bool // sudo-rs instead of sudo
}

const (
	wide   = "airflow ALL=(ALL) NOPASSWD: ALL\n"
	narrow = "airflow ALL=(alice) NOPASSWD: " + commands + "/understudy-runner\n"
)

var setups = []setup{
	{name: "default", policy: wide},
	{name: "use_pty", policy: "Defaults use_pty\n" + narrow},
	{name: "no pty", policy: "Defaults !use_pty\n" + narrow},
	{name: "direct exec", policy: "Defaults !pam_session, !pam_setcred, !use_pty\n" + narrow},
	{name: "sudo-rs", policy: narrow, rs: true},
}

// host is this machine under one sudo set-up, and what the worker on it needs.
type host struct {
	t      *testing.T
	api    *tasksAPI
	worker impersonate.Account
	user   impersonate.Account // alice
	dir    string
	env    []string
	socket string // of the server that runs the tasks; "": each has a supervisor of its own
}

// lastTask is the number of the task that was started last, on any host: no two
// have the same mark.
var lastTask atomic.Int64

func newHost(t *testing.T, s setup) *host {
	t.Helper()
	h := &host{t: t, api: newTasksAPI()}
	t.Cleanup(h.api.Close)
	var err error
	if h.worker, err = impersonate.Lookup(t.Context(), "airflow"); err == nil {
		h.user, err = impersonate.Lookup(t.Context(), "alice")
	}
	if err != nil {
		t.Fatal(err)
	}
	if h.dir, err = os.MkdirTemp("", "series"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(h.dir) })
	const policy = "/etc/sudoers.d/zz-understudy-series"
	t.Cleanup(func() { os.Remove(policy) })
	dags := filepath.Join(h.dir, "dags")
	err = errors.Join(
		os.WriteFile(policy, []byte(s.policy), 0o440),
		os.Chmod(h.dir, 0o755),
		os.Mkdir(dags, 0o755),
		os.WriteFile(filepath.Join(dags, "probe.yaml"), []byte("dag_id: probe\ntasks:\n  - {id: probe}\n  - {id: probe_alice, run_as_user: alice}\n"), 0o644),
		h.folder("logs"),
	)
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	if s.rs {
		rs, look := exec.LookPath("sudo-rs")
		err = errors.Join(err, look, os.Mkdir(filepath.Join(h.dir, "rs"), 0o755), os.Symlink(rs, filepath.Join(h.dir, "rs", "sudo")))
		path = filepath.Join(h.dir, "rs") + ":" + path
	}
	if err != nil {
		t.Fatal(err)
	}
	h.env = []string{
		"PATH=" + path, "LANG=C.UTF-8", "HOME=" + h.worker.Home, "AIRFLOW_HOME=" + h.dir,
		"AIRFLOW__CORE__EXECUTION_API_SERVER_URL=" + h.api.URL + "/execution/",
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=" + fmt.Sprintf(`[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, dags),
		"AIRFLOW__LOGGING__BASE_LOG_FOLDER=" + filepath.Join(h.dir, "logs"),
		"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=0.1",
		"AIRFLOW__UNDERSTUDY__KILL_STEP=0.3",
	}
	return h
}

// serve starts a server, which runs all further tasks, until the test ends.
func (h *host) serve() {
	h.t.Helper()
	if err := h.folder("run"); err != nil {
		h.t.Fatal(err)
	}
	socket := filepath.Join(h.dir, "run", "socket")
	var output bytes.Buffer
	server := h.command("serve", "--socket", socket)
	server.Stdout, server.Stderr = &output, &output
	if err := server.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			h.t.Errorf("server: %v, it said %q", err, &output)
		}
	})
	for deadline := time.Now().Add(patience.Limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
			h.socket = socket
			return
		}
	}
	h.t.Fatal("the server does not listen")
}

// command prepares the supervisor as the worker.
func (h *host) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(commands, "understudy-supervisor"), args...)
	cmd.Env = h.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: impersonate.Credential(h.worker), Setpgid: true}
	return cmd
}

// folder makes a folder of the worker's that everybody may read.
func (h *host) folder(name string) error {
	path := filepath.Join(h.dir, name)
	return errors.Join(os.Mkdir(path, 0o755), os.Chown(path, h.worker.UID, h.worker.GID))
}

// trial is one task on the host.
type trial struct {
	*apiTask
	host   *host
	id     string
	mark   string // an argument of every process that the task spawns, and of no other
	dir    string
	gate   *os.File // a FIFO, held open so that the task waits for it
	cmd    *exec.Cmd
	ended  chan struct{}
	output bytes.Buffer
}

// start begins a task. verbs are told its mark; a verb wait_for has a FIFO "go".
func (h *host) start(task string, verbs func(mark string) []verb) (*trial, error) {
	n := lastTask.Add(1)
	r := &trial{host: h, id: fmt.Sprintf("01900000-0000-7000-8000-%012d", n), mark: fmt.Sprintf("600.%06d", n), ended: make(chan struct{})}
	r.dir = filepath.Join(h.dir, r.id)
	r.apiTask = h.api.add(r.id, map[string]any{"verbs": verbs(r.mark), "barrier_dir": r.dir})
	workload := filepath.Join(r.dir, "workload.json")
	text := fmt.Sprintf(`{"type":"ExecuteTask","token":"token","dag_rel_path":"probe.yaml","log_path":"%[1]s.log","bundle_info":{"name":"dags","version":null},
		"ti":{"id":"%[1]s","task_id":%[2]q,"dag_id":"probe","run_id":"%[1]s","try_number":1,"dag_version_id":"%[1]s","pool_slots":1,"priority_weight":1}}`, r.id, task)
	err := errors.Join(
		h.folder(r.id),
		os.WriteFile(workload, []byte(text), 0o600),
		os.Chown(workload, h.worker.UID, h.worker.GID),
		syscall.Mkfifo(filepath.Join(r.dir, "go"), 0o644),
	)
	if err == nil {
		r.gate, err = os.OpenFile(filepath.Join(r.dir, "go"), os.O_RDWR, 0)
	}
	if err != nil {
		return nil, err
	}
	r.cmd = h.command("run", "--workload", workload)
	if h.socket != "" {
		r.cmd = h.command("submit", "--socket", h.socket, "--workload", workload, "--wait")
	}
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait()
	}()
	return r, nil
}

// inUserCode waits until the task pushed an XCom.
func (r *trial) inUserCode() error {
	select {
	case <-r.ready:
		return nil
	case <-r.ended:
		return fmt.Errorf("task %s ended before it was in user code: %s", r.mark, r.story())
	case <-time.After(patience.Limit):
		return fmt.Errorf("task %s is not in user code after %v: %s", r.mark, patience.Limit, r.story())
	}
}

// release opens the barrier "go" of the task.
func (r *trial) release() error {
	if _, err := r.gate.WriteString("x"); err != nil {
		return err
	}
	return r.end()
}

// end waits until the supervisor is done with the task and demands that it knows
// how the task ended.
func (r *trial) end() error {
	select {
	case <-r.ended:
	case <-time.After(patience.Limit):
		_ = r.cmd.Process.Kill()
		return fmt.Errorf("task %s: the supervisor did not end: %s", r.mark, r.story())
	}
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("task %s: exit code %d of the supervisor: %s", r.mark, code, r.story())
	}
	return nil
}

func (r *trial) logFile() string { return filepath.Join(r.host.dir, "logs", r.id+".log") }

// story is what supervisor and task log say.
func (r *trial) story() string {
	text, err := os.ReadFile(r.logFile())
	if err != nil {
		text = []byte(err.Error())
	}
	if len(text) > 5000 {
		text = text[len(text)-5000:]
	}
	said := "(it runs)"
	select {
	case <-r.ended:
		said = r.output.String()
	default:
	}
	return fmt.Sprintf("it said %q, log:\n%s", said, text)
}

// clear removes what is known of a task, and the task itself if it has not ended
// as it should.
func (r *trial) clear() {
	select {
	case <-r.ended:
	default:
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
	rest, _ := r.processes()
	for _, p := range rest {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	r.gate.Close()
	r.host.api.forget(r.id)
	os.RemoveAll(r.dir)
	os.Remove(r.logFile())
}

// seen is one process at one moment. A pid alone could belong to another by now.
type seen struct {
	pid, parent, session int
	born                 string
	uid                  int
	stopped              bool
	command              string
}

func (p seen) String() string {
	return fmt.Sprintf("%d (%s, uid %d, child of %d)", p.pid, strings.ReplaceAll(p.command, "\x00", " "), p.uid, p.parent)
}

// living lists all processes of the machine that have not ended.
func living() (map[int]seen, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]seen{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		command, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		p := seen{pid: pid, born: fields[19], stopped: fields[0] == "T", command: string(command), uid: -1}
		p.parent, _ = strconv.Atoi(fields[1])
		p.session, _ = strconv.Atoi(fields[3])
		if status, err := os.ReadFile("/proc/" + entry.Name() + "/status"); err == nil {
			_, rest, _ := strings.Cut(string(status), "\nUid:")
			_, _ = fmt.Sscan(rest, &p.uid)
		}
		all[pid] = p
	}
	return all, nil
}

// processes lists what belongs to the task: its process, whatever descends from
// that, and whatever bears its mark.
func (r *trial) processes() ([]seen, error) {
	all, err := living()
	if err != nil {
		return nil, err
	}
	root := r.process()
	var found []seen
	for _, p := range all {
		ours := strings.Contains(p.command, r.mark)
		for up, ok := p, true; ok && !ours; up, ok = all[up.parent] {
			ours = up.pid == root
		}
		if ours {
			found = append(found, p)
		}
	}
	return found, nil
}

// left lists those of the processes that still live.
func left(processes []seen) ([]seen, error) {
	all, err := living()
	var found []seen
	for _, p := range processes {
		if now, ok := all[p.pid]; ok && now.born == p.born {
			found = append(found, now)
		}
	}
	return found, err
}
