package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator"
)

// A foreign runtime is this test binary in the place of a task of another
// language.

type foreigner struct {
	comm, logs string
	conn       net.Conn
	runner     *channel.Runner
	startup    *message.StartupDetails
}

var foreignActs = map[string]func(f *foreigner) int{
	"talks": func(f *foreigner) int {
		logs := f.dial(f.logs)
		f.begin()
		fmt.Fprintf(logs, "{\"level\":\"info\",\"event\":\"as uid %d with %d bindings, level %s\"}\nnot JSON\n",
			os.Getuid(), len(f.startup.TIContext.ArgBindings), os.Getenv("AIRFLOW__LOGGING__LOGGING_LEVEL"))
		fmt.Println("on stdout")
		fmt.Println("log channel:", f.ask(&message.ResendLoggingFD{}))
		fmt.Println("variable:", f.ask(&message.GetVariable{Key: "absent"}))
		fmt.Println("nonsense:", f.exchange(must(message.RawOf([]any{7, map[string]any{"type": "Nonsense"}, nil}))))
		fmt.Println("environment:", os.Environ())
		reason := "because"
		f.ask(&message.RetryTask{EndDate: message.At(time.Now()), RetryReason: &reason})
		return 0
	},
	"never":     func(f *foreigner) int { fmt.Println("I stay here"); return hang() },
	"ends":      func(f *foreigner) int { fmt.Fprintln(os.Stderr, "no such library"); return 3 },
	"comm only": func(f *foreigner) int { f.dial(f.comm); return hang() },
	"when told": func(f *foreigner) int {
		_ = must(os.ReadFile(os.Getenv("GATE")))
		f.dial(f.logs)
		f.begin()
		return f.succeed()
	},
	"late": func(f *foreigner) int {
		time.Sleep(3 * time.Second)
		f.dial(f.logs)
		f.begin()
		return f.succeed()
	},
	"leaves": func(f *foreigner) int { f.dial(f.logs); f.dial(f.comm); return 5 },
	"garbage": func(f *foreigner) int {
		logs := f.dial(f.logs)
		f.begin()
		_, _ = logs.Write([]byte("\x00\xff\n{}\n"))
		_, _ = f.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		return hang()
	},
	"silent": func(f *foreigner) int { f.dial(f.logs); f.begin(); return 0 },
	"is stopped": func(f *foreigner) int { // while it waits for nothing
		f.dial(f.logs)
		f.begin()
		return hang()
	},
}

func foreignRuntime(act string, args []string) int {
	f := &foreigner{}
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--comm="); ok {
			f.comm = value
		}
		if value, ok := strings.CutPrefix(arg, "--logs="); ok {
			f.logs = value
		}
	}
	return foreignActs[act](f)
}

func (f *foreigner) dial(target string) net.Conn { return must(net.Dial("tcp", target)) }

// begin connects and takes the startup frame.
func (f *foreigner) begin() {
	f.conn = f.dial(f.comm)
	f.runner = channel.NewRunner(f.conn)
	f.startup = must(f.runner.Startup())
}

func (f *foreigner) ask(body message.Body) string { return answered(f.runner.Ask(body)) }

func (f *foreigner) exchange(payload []byte) string {
	_ = f.runner.Write(payload)
	return answered(f.runner.Receive())
}

func answered(r message.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	if refusal := message.AsError(r); refusal != nil {
		return refusal.Text()
	}
	return "ok"
}

func (f *foreigner) succeed() int {
	f.ask(&message.SucceedTask{EndDate: message.At(time.Now())})
	return 0
}

// foreignSite is a site whose tasks are those of a bundle. Its Dag file is code,
// which is not even there.
func foreignSite(t *testing.T, executable string, m coordinator.Manifest) *site {
	t.Helper()
	s := newSite(t)
	root := filepath.Join(s.dir, "bundles")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := coordinator.PackFile(filepath.Join(root, "bundle"), executable, nil, m); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, fmt.Sprintf(`AIRFLOW__SDK__COORDINATORS={"go":{"classpath":%q,"kwargs":{"executables_root":[%q]}}}`, coordinator.Classpath, root),
		`AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"default":"go"}`, "AIRFLOW__UNDERSTUDY__KILL_STEP=0.3")
	return s
}

func manifest(schema string) coordinator.Manifest {
	return coordinator.Manifest{SDK: coordinator.SDK{Language: "go", Version: "1", Schema: schema}, Dags: map[string]coordinator.DagInfo{"probe": {}}}
}

// acting is a foreignSite with an act.
func acting(t *testing.T, act, schema string) *site {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	text := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 FOREIGN='%s' exec %s \"$@\"\n", act, self)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s := foreignSite(t, script, manifest(schema))
	s.env = append(s.env, "AIRFLOW__SDK__TASK_STARTUP_TIMEOUT=60")
	s.dagFile = "dag.py"
	return s
}

func TestForeignRuntimes(t *testing.T) {
	for act, want := range map[string]struct {
		states []string
		log    []string
	}{
		"never":     {[]string{"up_for_retry"}, []string{"I stay here", "did not connect to --comm and --logs within 2s", "could not be started: start bundle"}},
		"ends":      {[]string{"up_for_retry"}, []string{"no such library", "ended before it connected to --comm and --logs", "exit code 3"}},
		"comm only": {[]string{"up_for_retry"}, []string{"--logs within 2s"}},
		"late":      {[]string{"up_for_retry"}, []string{"did not connect to --comm and --logs within 2s"}},
		"leaves":    {[]string{"up_for_retry"}, []string{"exit code 5"}},
		"garbage":   {[]string{"up_for_retry"}, []string{"protocol error", "none of its processes is left"}},
		"silent":    {[]string{"failed"}, []string{"without reporting a state"}},
	} {
		t.Run(act, func(t *testing.T) {
			s := acting(t, act, message.Schema20260616)
			s.api.shouldRetry = true
			if strings.Contains(strings.Join(want.log, ""), "within 2s") {
				s.env = append(s.env, "AIRFLOW__SDK__TASK_STARTUP_TIMEOUT=2")
			}
			if code := s.run("probe"); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.want(want.states...)
			for _, text := range want.log {
				if !strings.Contains(s.log(), text) {
					t.Errorf("log lacks %q:\n%s", text, s.log())
				}
			}
			s.records()
		})
	}
}

// TestForeignRuntimeTalks is SCH-001 to SCH-005, and what a runtime learns.
func TestForeignRuntimeTalks(t *testing.T) {
	for schema, bindings := range map[string]string{
		message.Schema20260616: "with 0 bindings",
		message.Schema20261030: "with 1 bindings",
		"":                     "with 1 bindings",
	} {
		t.Run("schema "+schema, func(t *testing.T) {
			s := acting(t, "talks", schema)
			s.env = append(s.env, "AIRFLOW__LOGGING__LOGGING_LEVEL=DEBUG")
			s.api.fault = func(method, path string, n int) (int, string) {
				if !strings.HasSuffix(path, "/run") {
					return 0, ""
				}
				return 200, `{"dag_run":{"dag_id":"probe","run_id":"r1","logical_date":null,"data_interval_start":null,"data_interval_end":null,
					"run_after":"2026-01-01T00:00:00Z","start_date":null,"end_date":null,"run_type":"manual","state":"running","consumed_asset_events":[],"partition_key":null},
					"max_tries":1,"should_retry":true,"arg_bindings":[{"kind":"literal","name":"x","value":1}]}`
			}
			if code := s.run("probe"); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, s.log())
			}
			s.want("up_for_retry")
			for _, text := range []string{"as uid 0 " + bindings + ", level DEBUG", "not JSON", "on stdout", "log channel: ", "--logs named",
				"variable: VARIABLE_NOT_FOUND", "nonsense: ", "Unhandled request", "a user in it is not known"} {
				if !strings.Contains(s.log(), text) {
					t.Errorf("log lacks %q:\n%s", text, s.log())
				}
			}
			last := s.api.all("PATCH", "/state")
			if got := last[len(last)-1].Body["retry_reason"]; got != "because" {
				t.Errorf("retry_reason %v", got)
			}
		})
	}
}

// TestForeignRuntimeOfAnotherUser: the user of the settings is kept to, although
// the bundle is in a folder that the user may not enter.
func TestForeignRuntimeOfAnotherUser(t *testing.T) {
	s := newSite(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(s.dir, "runtime") // of a site that is not used otherwise
	if err := os.WriteFile(open, self, 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(s.dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nGORACE=atexit_sleep_ms=0 FOREIGN=talks exec "+open+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := foreignSite(t, script, manifest(message.Schema20261030))
	f.dagFile = "dag.py"
	f.env = append(f.env, "AIRFLOW__CORE__DEFAULT_IMPERSONATION=alice", "SECRET_OF_THE_WORKER=1")
	if code := f.run("probe"); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, f.log())
	}
	f.want("up_for_retry")
	if log := f.log(); !strings.Contains(log, fmt.Sprintf("as uid %d ", aliceUID)) || strings.Contains(log, "SECRET_OF_THE_WORKER") || !strings.Contains(log, "HOME=/home/alice") {
		t.Errorf("log:\n%s", log)
	}
}

// TestRunnerAsForeignRuntime: the reference's own runner, packed as a bundle, runs
// a task of a Dag file that names its user.
func TestRunnerAsForeignRuntime(t *testing.T) {
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for task, uid := range map[string]int{"probe": 0, "probe_alice": aliceUID} {
		s := foreignSite(t, filepath.Join(bin, "understudy-runner"), manifest(message.Schema20261030))
		if code := s.run(task, verb{"do": "whoami", "save": "who"}, verb{"do": "log", "message": "over TCP"}); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, s.log())
		}
		s.want("success")
		var who struct{ EUID, PID int }
		if err := json.Unmarshal([]byte(s.api.xcom(task, "who")), &who); err != nil || who.EUID != uid {
			t.Errorf("%s ran as %+v: %v", task, who, err)
		}
		if !strings.Contains(s.log(), "over TCP") || !strings.Contains(s.log(), "Starting language runtime as") {
			t.Errorf("log:\n%s", s.log())
		}
	}
}

// TestServerSharesABundle: many tasks of a server at once have the memory of one
// bundle, and leave none of it with the server.
func TestServerSharesABundle(t *testing.T) {
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := foreignSite(t, filepath.Join(bin, "understudy-runner"), manifest(message.Schema20261030))
	v := s.serve()
	release := v.barrier("go")
	const tasks = 8
	var done []chan string
	for n := range tasks {
		done = append(done, v.begin(n, []string{"probe", "probe_alice"}[n%2], verb{"do": "wait_for", "name": "go"}))
	}
	v.waitFor("POST", "/at_go", tasks)
	inodes := map[uint64]bool{}
	programs, _ := filepath.Glob("/proc/[0-9]*/exe")
	running := 0
	for _, exe := range programs {
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(exe), "cmdline"))
		var stat syscall.Stat_t
		if strings.HasPrefix(string(line), filepath.Join(s.dir, "bundles")) && syscall.Stat(exe, &stat) == nil {
			inodes[stat.Ino] = true
			running++
		}
	}
	if running != tasks || len(inodes) != 1 {
		t.Errorf("%d runtimes of %d different files", running, len(inodes))
	}
	for range tasks {
		release()
	}
	for n, d := range done {
		if got := <-d; got != "success <nil>" {
			t.Errorf("task %d: %s\n%s", n, got, v.logOf(n))
		}
	}
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", v.cmd.Process.Pid))
	kept := 0
	for _, fd := range open {
		if target, _ := os.Readlink(fd); strings.HasPrefix(target, "/memfd:") {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("the server holds %d bundles open after all tasks ended", kept)
	}
}

// TestForeignStartRefused: nothing is started, and the server hears why nothing is.
func TestForeignStartRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(s *site)
	}{
		{"unknown schema", `unknown supervisor schema version "2099-01-01"`, func(s *site) {
			path := filepath.Join(s.dir, "bundles", "bundle")
			text := must(os.ReadFile(path))
			_ = os.WriteFile(path, []byte(strings.Replace(string(text), message.Schema20260616, "2099-01-01", 1)), 0o755)
		}},
		{"no bundle", `no usable executable bundle with Dag \"probe\"`, func(s *site) { _ = os.Remove(filepath.Join(s.dir, "bundles", "bundle")) }},
		{"changed binary", "has the SHA-256", func(s *site) {
			file := must(os.OpenFile(filepath.Join(s.dir, "bundles", "bundle"), os.O_WRONLY, 0))
			defer file.Close()
			_, _ = file.WriteAt([]byte("#!/bin/id"), 0)
		}},
		{"unknown class", "airflow.sdk.coordinators.java.JavaCoordinator", func(s *site) {
			s.env = append(s.env, `AIRFLOW__SDK__COORDINATORS={"go":{"classpath":"airflow.sdk.coordinators.java.JavaCoordinator"}}`)
		}},
		{"unknown user", `cannot run the task as user \"ghost\"`, func(s *site) { s.env = append(s.env, "AIRFLOW__CORE__DEFAULT_IMPERSONATION=ghost") }},
		{"no binary of this machine", "execute ", func(s *site) {
			m := manifest("")
			path := filepath.Join(s.dir, "bundles", "bundle")
			var b strings.Builder
			_ = coordinator.Pack(&b, strings.NewReader("\x00\x01"), nil, m)
			_ = os.WriteFile(path, []byte(b.String()), 0o755)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := acting(t, "talks", message.Schema20260616)
			c.spoil(s)
			if code := s.run("probe"); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.want("failed")
			if !strings.Contains(strings.ReplaceAll(s.log(), `\"`, `"`), strings.ReplaceAll(c.want, `\"`, `"`)) {
				t.Errorf("log lacks %q:\n%s", c.want, s.log())
			}
		})
	}
	s := acting(t, "talks", "")
	s.env = append(s.env, `AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"default":"java"}`)
	if code := s.run("probe"); code != 2 || len(s.api.states()) > 0 {
		t.Errorf("a queue that leads nowhere: exit code %d, states %v", code, s.api.states())
	}
}

// TestOtherQueuesAreOrdinary: only the queues of the setting are for coordinators.
func TestOtherQueuesAreOrdinary(t *testing.T) {
	s := acting(t, "talks", "")
	s.dagFile = "probe.yaml"
	s.env = append(s.env, `AIRFLOW__SDK__QUEUE_TO_COORDINATOR={"golang":"go"}`)
	if code := s.run("probe"); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want("success")
	if strings.Contains(s.log(), "language runtime") {
		t.Errorf("log:\n%s", s.log())
	}
}

// TestForeignRuntimeIsStopped: the server asks for the end of a task that does not
// listen.
func TestForeignRuntimeIsStopped(t *testing.T) {
	s := acting(t, "is stopped", "")
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/heartbeat") && n > 1 {
			return 409, `{"detail":{"reason":"not_running"}}`
		}
		return 0, ""
	}
	if code := s.run("probe"); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want()
	if !strings.Contains(s.log(), "none of its processes is left") {
		t.Errorf("log:\n%s", s.log())
	}
}

// TestForeignStrangersAreRefused: what connects to the ports, and is none of the
// runtime's processes, gets nothing.
func TestForeignStrangersAreRefused(t *testing.T) {
	s := acting(t, "when told", "")
	gate := filepath.Join(s.dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "GATE="+gate)
	r := s.start("probe")
	var target string
	for deadline := time.Now().Add(patience.Limit); target == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		target = commOf(must(os.Executable()))
	}
	stranger, err := net.Dial("tcp", target)
	if err != nil {
		t.Fatalf("port %q: %v", target, err)
	}
	defer stranger.Close()
	_ = stranger.SetReadDeadline(time.Now().Add(patience.Limit))
	if got, err := io.ReadAll(stranger); len(got) > 0 {
		t.Errorf("a stranger gets %q: %v", got, err)
	}
	if err := os.WriteFile(gate, []byte("now"), 0); err != nil {
		t.Fatal(err)
	}
	if code := s.finish(r); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.want("success")
	if !strings.Contains(s.log(), "is refused: it belongs to uid 0, as the runtime, but to none of the runtime's processes") {
		t.Errorf("log:\n%s", s.log())
	}
}

// commOf finds the port in the command line of a runtime that begins so.
func commOf(command string) string {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		line, _ := os.ReadFile(file) // a process may be gone
		program, rest, ok := strings.Cut(string(line), "\x00--comm=")
		if ok && strings.HasPrefix(program, command) {
			port, _, _ := strings.Cut(rest, "\x00")
			return port
		}
	}
	return ""
}
