package supervisor

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

func TestStateOfAnEnding(t *testing.T) {
	killed := exit{signal: syscall.SIGKILL}
	lost := exit{lost: errors.New("no child")}
	for _, c := range []struct {
		name string
		e    ending
		want string
	}{
		{"exit 0 in silence", ending{}, "failed"},
		{"exit 0 in silence, retries left", ending{shouldRetry: true}, "failed"},
		{"exit 1", ending{exit: exit{code: 1}}, "failed"},
		{"exit 1, retries left", ending{exit: exit{code: 1}, shouldRetry: true}, "up_for_retry"},
		{"killed", ending{exit: killed}, "failed"},
		{"killed, retries left", ending{exit: killed, shouldRetry: true}, "up_for_retry"},
		{"status taken by another", ending{exit: lost, shouldRetry: true}, "up_for_retry"},
		{"stopped, though it exits with 0", ending{stopped: true, shouldRetry: true}, "up_for_retry"},
		{"own word", ending{reported: "skipped"}, "skipped"},
		{"own word, then exit 1", ending{reported: "skipped", exit: exit{code: 1}, shouldRetry: true}, "skipped"},
		{"own word, then killed", ending{reported: "success", exit: killed, stopped: true, shouldRetry: true}, "success"},
		{"stopped by the server", ending{byServer: true, stopped: true, exit: killed, shouldRetry: true}, ""},
	} {
		if got := c.e.state(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestExitIsDescribed(t *testing.T) {
	for command, want := range map[string][2]string{
		"exit 0":      {"info", "exit code 0"},
		"exit 7":      {"warning", "exit code 7"},
		"kill -9 $$":  {"critical", "SIGKILL (9). If nobody killed it, the machine may have run out of memory (OOM)"},
		"kill -11 $$": {"critical", "SIGSEGV (11)"},
		"kill -15 $$": {"error", "SIGTERM (15)"},
		"kill -40 $$": {"error", "number 40 (40)"},
	} {
		cmd := exec.Command("/bin/sh", "-c", "ulimit -c 0; "+command)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		level, text := exitOf(cmd.Process.Wait()).describe()
		if level != want[0] || !strings.Contains(text, want[1]) {
			t.Errorf("%s: %s, %s", command, level, text)
		}
	}
	if level, text := (exit{lost: syscall.ECHILD}).describe(); level != "error" || !strings.Contains(text, "no child processes") {
		t.Errorf("%s, %s", level, text)
	}
}

// TestStatusTakenByAnother is LIFE-021: the end of a process whose status somebody
// else consumed is noticed all the same.
func TestStatusTakenByAnother(t *testing.T) {
	c, err := start(self{}, []string{"/bin/sh", "-c", "exit 3"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll([]*net.UnixConn{c.comms, c.stdout, c.stderr})
	_, _ = syscall.Wait4(c.main(), nil, 0, nil) // one of the two gets the status
	select {
	case <-c.ended():
	case <-time.After(patience.Limit):
		t.Error("the end was not noticed")
	}
}

func TestParseWorkload(t *testing.T) {
	const good = `{"type":"ExecuteTask","token":"T","dag_rel_path":"d/p.yaml","log_path":"a/b.log","bundle_info":{"name":"dags","version":"v"},
		"ti":{"id":"01900000-0000-7000-8000-000000000001","task_id":"t","dag_id":"d","run_id":"r","try_number":2,"dag_version_id":"u","pool_slots":1,"priority_weight":1,"map_index":3},"new":1}`
	w, err := parseWorkload([]byte(good))
	if err != nil || w.Token != "T" || w.TI.TryNumber != 2 || *w.TI.MapIndex != 3 || *w.BundleInfo.Version != "v" || *w.LogPath != "a/b.log" {
		t.Errorf("%+v, %v", w, err)
	}
	for change, want := range map[[2]string]string{
		{`"ExecuteTask"`, `"RunTrigger"`}:                             `type is "RunTrigger"`,
		{`"task_id":"t"`, `"task_id":""`}:                             "ti.task_id is missing",
		{`"dag_id":"d",`, ``}:                                         "ti.dag_id is missing",
		{`"run_id":"r",`, ``}:                                         "ti.run_id is missing",
		{`"name":"dags",`, ``}:                                        "bundle_info.name is missing",
		{`"try_number":2`, `"try_number":0`}:                          "ti.try_number is 0",
		{`"try_number":2`, `"try_number":"2"`}:                        "try_number",
		{`01900000-0000-7000-8000-000000000001`, `../../variables/x`}: "is no UUID",
		{`d/p.yaml`, `../p.yaml`}:                                     "leaves the bundle",
		{`d/p.yaml`, `/etc/passwd`}:                                   "leaves the bundle",
		{`a/b.log`, `../../etc/cron.d/x`}:                             "leaves the log folder",
		{`{"type"`, `["type"`}:                                        "invalid character",
	} {
		_, err := parseWorkload([]byte(strings.Replace(good, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", change, err, want)
		}
	}
	if _, err := parseWorkload([]byte(`{"type":"ExecuteTask"}`)); err == nil || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("not all faults are named: %v", err)
	}
	path := filepath.Join(t.TempDir(), "w.json")
	if _, err := ReadWorkload(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func FuzzParseWorkload(f *testing.F) {
	f.Add([]byte(`{"type":"ExecuteTask","ti":{"id":"01900000-0000-7000-8000-000000000001"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := parseWorkload(data)
		if err == nil && (!filepath.IsLocal(w.DagRelPath) || w.TI.ID == "" || w.LogPath != nil && !filepath.IsLocal(*w.LogPath)) {
			t.Errorf("%+v", w)
		}
	})
}

func TestSettingsHaveAirflowsDefaults(t *testing.T) {
	s, err := LoadSettings([]string{"AIRFLOW_HOME=" + t.TempDir(), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://h:1/execution/?x#y", "AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES=a, b",
		"AIRFLOW__CORE__FERNET_KEY=k"})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.API.String(), s.Timeout, s.Attempts, s.RetryFirst, s.RetryMax, s.HeartbeatInterval, s.MaxFailedHeartbeats, s.SocketCleanup,
		s.Overtime, s.KillStep, s.MaxFrame, s.MinSecret, s.DefaultUser, s.AllowRoot, strings.Join(s.SensitiveNames, "+")}
	want := []any{"http://h:1/execution", 5 * time.Second, 5, time.Second, 10 * time.Second, 5 * time.Second, 3, time.Minute,
		20 * time.Second, 5 * time.Second, uint32(64 << 20), 5, "", false, "a+b"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, there := s.All["core.fernet_key"]; there {
		t.Error("a secret would leave the process")
	}
}

func TestSettingsNameAllFaults(t *testing.T) {
	_, err := LoadSettings([]string{"AIRFLOW_HOME=" + t.TempDir(), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL=h:1", "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=x",
		"AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS=0", "AIRFLOW__WORKERS__EXECUTION_API_RETRIES=many"})
	for _, key := range []string{"execution_api_server_url", "min_heartbeat_interval", "max_failed_heartbeats", "execution_api_retries"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named: %v", key, err)
		}
	}
}

func TestEnvironmentOfATask(t *testing.T) {
	worker := []string{"LANG=C", "AIRFLOW__CORE__X=1", "_AIRFLOW__REEXECUTED_PROCESS=1", "__AIRFLOW_SUPERVISOR_FD=5", "KRB5CCNAME=x", "EXTRA=2"}
	if got := environment(worker, impersonate.Account{}, false, nil); !slices.Equal(got, []string{"LANG=C", "AIRFLOW__CORE__X=1", "KRB5CCNAME=x", "EXTRA=2"}) {
		t.Errorf("own user: %v", got)
	}
	got := environment(worker, impersonate.Account{Name: "alice", Home: "/h"}, true, []string{"EXTRA"})
	for _, entry := range got {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "USER", "LANG", "EXTRA"}, name) {
			t.Errorf("another user sees %s", entry)
		}
	}
}

func TestARunnerThatDecidesItselfIsToldWhoItIs(t *testing.T) {
	got := truthful([]string{"LOGNAME=alice", "LANG=C", "USER=alice", "USERNAME=alice", "LNAME=alice", "LOGNAMES=1"}, "airflow")
	if want := []string{"LANG=C", "LOGNAMES=1", "LOGNAME=airflow", "USER=airflow"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// Overtime names the state: a server that is slow to take it must not hold up the kill.
func TestTheStateIsKnownWhileItIsOnItsWay(t *testing.T) {
	arrived, let := make(chan struct{}), make(chan struct{})
	client, _ := clientFor(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-let
		w.WriteHeader(http.StatusNoContent)
	})
	tm := newTerminal()
	if _, err := tm.set(&message.SucceedTask{EndDate: message.At(time.Now())}); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- tm.deliver(t.Context(), server{client, "1"}) }()
	<-arrived
	if got := tm.get(); got != "success" {
		t.Errorf("state %q", got)
	}
	close(let)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := tm.deliver(t.Context(), server{client, "1"}); err != nil { // a second request would panic the handler
		t.Error(err)
	}
}

func TestTerminalIsOne(t *testing.T) {
	end := message.At(time.Now())
	tm := newTerminal()
	if pending, err := tm.set(&message.SucceedTask{EndDate: end}); !pending || err != nil {
		t.Fatal(pending, err)
	}
	first := string(tm.body)
	if pending, err := tm.set(&message.SucceedTask{EndDate: message.At(time.Now().Add(time.Hour))}); !pending || err != nil || string(tm.body) != first {
		t.Errorf("the same again: %v, %v, %s", pending, err, tm.body)
	}
	var conflict *conflictError
	for _, other := range []message.Body{&message.TaskState{State: "failed"}, &message.RetryTask{EndDate: end}, &message.DeferTask{Classpath: "c", NextMethod: "m"}} {
		if _, err := tm.set(other); !errors.As(err, &conflict) {
			t.Errorf("%T: %v", other, err)
		}
	}
	select {
	case <-tm.seen:
	default:
		t.Error("nobody is told")
	}
}
