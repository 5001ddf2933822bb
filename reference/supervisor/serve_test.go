package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

// serving is a server of a site.
type serving struct {
	*site
	cmd    *exec.Cmd
	socket string
	stderr *lockedBuffer
	exited chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server and waits until it listens. At the end of the test it is
// asked to end, and has to leave nothing.
func (s *site) serve(args ...string) *serving {
	s.t.Helper()
	v := &serving{site: s, socket: filepath.Join(s.dir, "socket"), stderr: new(lockedBuffer), exited: make(chan struct{})}
	s.api.confs = map[string]any{}
	v.cmd = s.supervisor(append(append([]string{"serve", "--socket", v.socket}, args...), s.argv...)...)
	v.cmd.Stderr = v.stderr
	if err := v.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = v.cmd.Wait()
		close(v.exited)
	}()
	v.waitUntil("it listens", func() bool { return strings.Contains(v.stderr.String(), "listening on") })
	s.t.Cleanup(func() {
		if code := v.end(); code != 0 && code != -1 {
			s.t.Errorf("exit code %d: %s", code, v.stderr)
		}
		if _, err := os.Lstat(v.socket); v.cmd.ProcessState.ExitCode() >= 0 && err == nil {
			s.t.Error("the socket is left")
		}
		for _, uid := range []int{aliceUID, bobUID} {
			if left := processesOf(uid); len(left) > 0 {
				s.t.Errorf("processes of uid %d are left: %v", uid, left)
			}
		}
	})
	return v
}

// end asks the server to end and returns its exit code.
func (v *serving) end() int {
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-v.exited:
	case <-time.After(patience.Limit):
		v.t.Errorf("the server does not end: %s", v.stderr)
		_ = v.cmd.Process.Kill()
		<-v.exited
	}
	return v.cmd.ProcessState.ExitCode()
}

func (v *serving) waitUntil(what string, true func() bool) {
	v.t.Helper()
	for deadline := time.Now().Add(patience.Limit); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			v.t.Fatalf("not within %v: %s\n%s", patience.Limit, what, v.stderr)
		}
	}
}

func ti(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", n+10) }

// submit runs task n to its end.
func (v *serving) submit(n int, task string, verbs ...verb) (submit.Outcome, error) {
	v.api.mu.Lock()
	v.api.confs[ti(n)] = map[string]any{"verbs": verbs, "barrier_dir": v.dir}
	v.api.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience.Limit)
	defer cancel()
	return submit.Task(ctx, v.socket, v.workload(ti(n), task), true)
}

// begin starts task n and returns where its outcome will be.
func (v *serving) begin(n int, task string, verbs ...verb) chan string {
	done := make(chan string, 1)
	go func() {
		o, err := v.submit(n, task, verbs...)
		done <- fmt.Sprintf("%s %v", o.State, err)
	}()
	return done
}

// barrier makes a FIFO at which tasks wait_for the call of release.
func (v *serving) barrier(name string) (release func()) {
	v.t.Helper()
	path := filepath.Join(v.dir, name)
	if err := errors.Join(syscall.Mkfifo(path, 0o666), os.Chmod(path, 0o666)); err != nil {
		v.t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { fifo.Close() })
	return func() {
		if _, err := fifo.Write([]byte("x")); err != nil {
			v.t.Error(err)
		}
	}
}

func (v *serving) logOf(n int) string {
	text, err := os.ReadFile(filepath.Join(v.dir, "logs", ti(n)+".log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// below lists the descendants of the server with that name.
func (v *serving) below(name string) []descent.Process {
	v.t.Helper()
	all, err := descent.Of(v.cmd.Process.Pid)
	if err != nil {
		v.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p descent.Process) bool { return p.Name != name || p.Zombie })
}

func (v *serving) statesOf(n int) (states []string) {
	for _, r := range v.api.all(http.MethodPatch, ti(n)+"/state") {
		states = append(states, fmt.Sprint(r.Body["state"]))
	}
	return states
}

func TestManyTasksOfManyUsersAtOnce(t *testing.T) {
	v := newSite(t).serve()
	tasks := []string{"probe_alice", "probe_bob", "probe", "probe_alice"}
	var all []chan string
	for n := range 16 {
		all = append(all, v.begin(n, tasks[n%4],
			verb{"do": "push_xcom", "key": fmt.Sprintf("n%d", n), "value": n},
			verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true},
			verb{"do": "whoami", "save": fmt.Sprintf("who%d", n)}))
	}
	for n, done := range all {
		if got := <-done; got != "success <nil>" {
			t.Errorf("task %d: %s\n%s", n, got, v.logOf(n))
		}
		if states := v.statesOf(n); !slices.Equal(states, []string{"success"}) {
			t.Errorf("task %d: states %v", n, states)
		}
		want := map[int]int{0: aliceUID, 1: bobUID, 2: 0, 3: aliceUID}[n%4]
		if who := v.api.xcom(tasks[n%4], fmt.Sprintf("who%d", n)); !strings.Contains(who, `"ruid":`+strconv.Itoa(want)) {
			t.Errorf("task %d ran as %s, want uid %d", n, who, want)
		}
	}
	if left := v.below("sleep"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestKillOfOneTaskLeavesItsNeighbour(t *testing.T) {
	v := newSite(t).serve()
	release := v.barrier("go")
	var stop sync.Once
	stopped := make(chan struct{})
	v.api.fault = func(_, path string, _ int) (int, string) {
		if strings.HasSuffix(path, ti(1)+"/heartbeat") {
			select {
			case <-stopped:
				return 409, `{"detail":{"reason":"not_running"}}`
			default:
			}
		}
		return 0, ""
	}
	daemon := verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true}
	killed := v.begin(1, "probe_alice", verb{"do": "ignore_sigterm"}, daemon, verb{"do": "push_xcom", "key": "one", "value": 1}, verb{"do": "sleep", "seconds": 600})
	other := v.begin(2, "probe_alice", daemon, verb{"do": "wait_for", "name": "go"})
	v.waitFor(http.MethodPost, "/one", 1)
	v.waitFor(http.MethodPost, "/at_go", 1)
	if n := len(v.below("sleep")); n != 2 {
		t.Fatalf("%d daemons, want 2", n)
	}
	stop.Do(func() { close(stopped) })
	if got := <-killed; got != " <nil>" {
		t.Errorf("killed task: %s\n%s", got, v.logOf(1))
	}
	if n := len(v.below("sleep")); n != 1 {
		t.Errorf("%d daemons after the kill, want 1: that of the neighbour", n)
	}
	release()
	if got := <-other; got != "success <nil>" {
		t.Errorf("neighbour: %s\n%s", got, v.logOf(2))
	}
	if len(v.statesOf(1)) > 0 || len(v.below("sleep")) > 0 {
		t.Errorf("states %v, left %v", v.statesOf(1), v.below("sleep"))
	}
}

// A task that runs as the user of the server can kill its keeper. Here it is
// killed for it.
func TestTaskWhoseKeeperIsKilled(t *testing.T) {
	v := newSite(t).serve()
	release := v.barrier("go")
	v.api.shouldRetry = true
	done := v.begin(1, "probe_alice",
		verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true},
		verb{"do": "push_xcom", "key": "here", "value": 1}, verb{"do": "sleep", "seconds": 600})
	other := v.begin(2, "probe_bob", verb{"do": "wait_for", "name": "go"})
	v.waitFor(http.MethodPost, "/here", 1)
	v.waitFor(http.MethodPost, "/at_go", 1)
	keepers := v.below("understudy-keep")
	for _, k := range keepers {
		below, err := descent.Of(k.PID)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(below, func(p descent.Process) bool { return p.UID == aliceUID }) {
			if err := syscall.Kill(k.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := <-done; got != "up_for_retry <nil>" {
		t.Errorf("%s\n%s", got, v.logOf(1))
	}
	if left := processesOf(aliceUID); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	release()
	if got := <-other; got != "success <nil>" {
		t.Errorf("neighbour: %s\n%s", got, v.logOf(2))
	}
	if got, err := v.submit(3, "probe_alice"); err != nil || got.State != "success" {
		t.Errorf("the next task: %v, %v", got, err)
	}
}

func TestNothingSurvivesAServerThatIsKilled(t *testing.T) {
	v := newSite(t).serve()
	daemon := verb{"do": "spawn", "argv": []string{"/bin/sleep", "600"}, "daemonise": true}
	for n, task := range []string{"probe_alice", "probe_bob", "probe"} {
		v.begin(n, task, verb{"do": "ignore_sigterm"}, daemon, verb{"do": "push_xcom", "key": "here", "value": 1}, verb{"do": "sleep", "seconds": 600})
	}
	v.waitFor(http.MethodPost, "/here", 3)
	all, err := descent.Of(v.cmd.Process.Pid)
	if err != nil || len(all) < 9 {
		t.Fatalf("%d processes below the server, want 3 keepers, runners and daemons; %v", len(all), err)
	}
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-v.exited
	v.waitUntil("all that ran below it ends", func() bool {
		now, err := descent.Of(0)
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(now, func(p descent.Process) bool {
			return !p.Zombie && slices.ContainsFunc(all, func(before descent.Process) bool { return p.PID == before.PID && p.Name == before.Name })
		})
	})
	w := v.site.serve() // its socket is stale
	if got, err := w.submit(7, "probe_alice"); err != nil || got.State != "success" {
		t.Errorf("the next server: %v, %v", got, err)
	}
}

func TestServerThatIsAskedToEndWaits(t *testing.T) {
	v := newSite(t).serve()
	release := v.barrier("go")
	done := v.begin(1, "probe_alice", verb{"do": "wait_for", "name": "go"})
	v.waitFor(http.MethodPost, "/at_go", 1)
	for range 2 {
		if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	v.waitUntil("it says so", func() bool { return strings.Contains(v.stderr.String(), "waiting for 1 to end") })
	if _, err := v.submit(2, "probe_alice"); err == nil {
		t.Error("a task was taken")
	}
	release()
	if got := <-done; got != "success <nil>" {
		t.Errorf("%s\n%s", got, v.logOf(1))
	}
	if code := v.end(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestServerThatIsFullSaysSo(t *testing.T) {
	s := newSite(t)
	s.env = append(s.env, "AIRFLOW__UNDERSTUDY__SERVE_MAX_TASKS=1")
	v := s.serve()
	release := v.barrier("go")
	done := v.begin(1, "probe_alice", verb{"do": "wait_for", "name": "go"})
	v.waitFor(http.MethodPost, "/at_go", 1)
	_, err := v.submit(2, "probe_alice")
	var refused *submit.RefusedError
	if !errors.As(err, &refused) || refused.Reason != submit.RefusedFull || !strings.Contains(refused.Text, "serve_max_tasks") {
		t.Errorf("%v", err)
	}
	release()
	<-done
	for range 20 { // a slot is free when the end of its task is told
		if _, err := v.submit(3, "probe"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClientsThatAreWrong(t *testing.T) {
	v := newSite(t).serve()
	talk := func(text string) string {
		t.Helper()
		conn, err := net.Dial("unix", v.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(text))
		_ = conn.(*net.UnixConn).CloseWrite()
		answer := make([]byte, 1<<16)
		n, _ := conn.Read(answer)
		return string(answer[:n])
	}
	for text, want := range map[string]string{
		"":                                  "read request: EOF",
		"\n":                                "not one line of JSON",
		"{}\n":                              `no \"workload\"`,
		"{\"workload\": 5}\n":               `cannot unmarshal`,
		`{"workload": {"type": "Trigger"}}`: `type is \"Trigger\"`,
		`{"workload": {"type": "ExecuteTask", "token": "secret-token"}}` + "\n": "ti.task_id is missing",
		"{\"workload\": \"" + strings.Repeat("x", 17<<20):                       "longer than",
	} {
		if got := talk(text); !strings.Contains(got, `"event":"refused","reason":"workload"`) || !strings.Contains(got, want) || strings.Contains(got, "secret-token") {
			t.Errorf("%.60q: %s, want %q", text, got, want)
		}
	}
	for range 128 + spareHellos - 8 { // they say nothing, and hold up nobody
		conn, err := net.Dial("unix", v.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	begin := time.Now()
	if got, err := v.submit(1, "probe_alice"); err != nil || got.State != "success" || time.Since(begin) > helloBound/2 {
		t.Errorf("%v, %v after %v", got, err, time.Since(begin))
	}
	if got := v.api.all("", ""); len(got) > 0 {
		t.Errorf("requests %v", got)
	}
}

func TestOnlySomeUsersMaySubmit(t *testing.T) {
	for name, c := range map[string]struct {
		uid  uint32
		args []string
		want string
	}{
		"permitted by name": {bobUID, []string{"--allow-user", "bob"}, "success"},
		"root":              {0, nil, "success"},
		"not named":         {aliceUID, []string{"--allow-user", "bob"}, "uid 62902 may not submit tasks here"},
		"closed socket":     {aliceUID, nil, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			v := newSite(t).serve(c.args...)
			file := filepath.Join(v.dir, "workload.json")
			if err := os.WriteFile(file, v.workload(ti(1), "probe_alice"), 0o644); err != nil {
				t.Fatal(err)
			}
			v.api.mu.Lock()
			v.api.confs[ti(1)] = map[string]any{"verbs": []verb{}}
			v.api.mu.Unlock()
			cmd := exec.Command(filepath.Join(v.bin, "understudy-supervisor"), "submit", "--socket", v.socket, "--workload", file, "--wait")
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
			output, _ := cmd.CombinedOutput()
			if !strings.Contains(string(output), c.want) || (c.want == "success") != (cmd.ProcessState.ExitCode() == 0) {
				t.Errorf("exit code %d: %s, want %s", cmd.ProcessState.ExitCode(), output, c.want)
			}
			if runs := v.api.all(http.MethodPatch, "/run"); (len(runs) > 0) != (c.want == "success") {
				t.Errorf("%d runs", len(runs))
			}
		})
	}
}

func TestSecretsOfTasksStayApart(t *testing.T) {
	v := newSite(t).serve()
	release := v.barrier("go")
	const secret = "the-secret-of-task-1"
	v.api.connections["db"] = `{"conn_id":"db","conn_type":"pg","host":"h","schema":"s","login":"l","password":"` + secret + `","port":5432,"extra":null}`
	done := v.begin(1, "probe_alice", verb{"do": "get_connection", "conn_id": "db"}, verb{"do": "log", "message": "first " + secret},
		verb{"do": "wait_for", "name": "go"})
	v.waitFor(http.MethodPost, "/at_go", 1)
	if _, err := v.submit(2, "probe_alice", verb{"do": "log", "message": "second " + secret}); err != nil {
		t.Error(err)
	}
	release()
	<-done
	if log := v.logOf(1); !strings.Contains(log, "first ***") || strings.Contains(log, "second") || strings.Contains(log, secret) {
		t.Errorf("log of task 1:\n%s", log)
	}
	if log := v.logOf(2); !strings.Contains(log, "second "+secret) || strings.Contains(log, "first") {
		t.Errorf("log of task 2:\n%s", log)
	}
	if text := v.stderr.String() + v.logOf(1) + v.logOf(2); strings.Contains(text, "-token") {
		t.Errorf("a token is told:\n%s", text)
	}
	for n := 1; n <= 2; n++ {
		for _, r := range v.api.all(http.MethodPut, ti(n)+"/heartbeat") {
			if r.Token != "token-of-"+ti(n) {
				t.Errorf("task %d uses %q", n, r.Token)
			}
		}
	}
}

func TestSocketIsGuarded(t *testing.T) {
	v := newSite(t).serve()
	open := filepath.Join(v.dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(v.dir, "foreign")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(open, 0o777), os.Chown(foreign, aliceUID, aliceUID), os.WriteFile(v.dir+"/file", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		v.socket:               "another server listens",
		open + "/socket":       "mode 0777",
		foreign + "/socket":    "belongs to uid 62902",
		v.dir + "/file":        "is no socket",
		v.dir + "/none/socket": "no such file",
		"relative/none/socket": "no such file",
		v.dir + "/file/socket": "is a regular file, not a folder",
	} {
		cmd := v.supervisor("serve", "--socket", path)
		output, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(output), want) {
			t.Errorf("%s: exit code %d: %s, want %q", path, cmd.ProcessState.ExitCode(), output, want)
		}
	}
	if got, err := v.submit(1, "probe_alice"); err != nil || got.State != "success" {
		t.Errorf("the server that is there: %v, %v", got, err)
	}
	cmd := v.supervisor("serve", "--socket", v.dir+"/other", "--allow-user", "ghost")
	if output, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(output), `"ghost"`) {
		t.Errorf("unknown user: %s", output)
	}
}
