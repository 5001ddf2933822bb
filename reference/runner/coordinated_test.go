package runner

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// coordinator says which connection is taken first.
type coordinator string

const (
	commFirst coordinator = "comm"
	logsFirst coordinator = "logs"
)

// listen opens both ports. connect takes the connections and puts the channel in
// the place of the socket pair.
func (c coordinator) listen(a *attempt) (flags []string, connect func()) {
	listeners := map[coordinator]net.Listener{}
	for _, port := range []coordinator{commFirst, logsFirst} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			a.t.Fatal(err)
		}
		listeners[port] = l
		flags = append(flags, fmt.Sprintf("--%s=%v", port, l.Addr()))
	}
	order := []coordinator{commFirst, logsFirst}
	if c == logsFirst {
		slices.Reverse(order)
		slices.Reverse(flags)
	}
	return flags, func() {
		for _, port := range order {
			l := listeners[port]
			l.(*net.TCPListener).SetDeadline(time.Now().Add(patience.Limit))
			conn, err := l.Accept()
			l.Close()
			if err != nil {
				a.t.Fatalf("%s: %v", port, err)
			}
			if port == logsFirst {
				a.logs.Go(func() {
					defer conn.Close()
					text, _ := io.ReadAll(conn)
					a.mu.Lock()
					defer a.mu.Unlock()
					a.log.Write(text)
				})
				continue
			}
			a.conn.Close()
			a.conn = conn.(*net.TCPConn)
		}
	}
}

func TestLanguageRuntime(t *testing.T) {
	for _, order := range []coordinator{commFirst, logsFirst} {
		t.Run(string(order)+" first", func(t *testing.T) {
			a := start(t, script{coordinated: order, verbs: `[
				{"do":"push_xcom","key":"k","value":"v"},{"do":"pull_xcom","task_id":"probe","key":"k","save":"again"},
				{"do":"log","message":"a line"},{"do":"log","message":"on stdout","channel":"stdout"},{"do":"open_files","save":"files"}]`})
			a.ends(0, "SetXCom", "GetXCom", "SetXCom", "SetXCom", "SucceedTask")
			a.says("log", &a.log, `"event":"a line"`, `"task_id":"probe"`)
			a.says("stdout", &a.stdout, "on stdout\n")
			if strings.Contains(a.log.String(), "no log channel") || a.stderr.Len() > 0 {
				t.Errorf("log %s, stderr %s", &a.log, &a.stderr)
			}
		})
	}
}

func TestLanguageRuntimeEndings(t *testing.T) {
	plain := message.StateFailed
	for name, test := range map[string]struct {
		script
		terminal string
		state    message.EndState
		code     int
		says     []string
	}{
		"success, no answer":     {script{verbs: `[]`, answer: silent}, "SucceedTask", "", 0, nil},
		"success, hang up":       {script{verbs: `[]`, answer: hanging}, "SucceedTask", "", 0, nil},
		"failure":                {script{verbs: `[{"do":"fail","message":"for a reason"}]`}, "TaskState", message.EndState(plain), 0, []string{"for a reason"}},
		"failure with retries":   {script{verbs: `[{"do":"fail","message":"m"}]`, shouldRetry: true}, "RetryTask", "", 0, nil},
		"panic":                  {script{bodies: true, task: "panic"}, "TaskState", message.EndState(plain), 0, []string{"panic: at the disco", "goroutine"}},
		"panic with retries":     {script{bodies: true, task: "panic", shouldRetry: true}, "RetryTask", "", 0, []string{"goroutine"}},
		"task not declared":      {script{task: "absent", reschedules: 1}, "TaskState", message.StateRemoved, 0, []string{"absent", "not found"}},
		"Dag not declared":       {script{dag: "absent"}, "TaskState", message.StateRemoved, 0, []string{"absent"}},
		"Dag file missing":       {script{path: "other.yml", file: "x", dag: "absent", verbs: `[]`, env: []string{"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=" + emptyBundle}}, "TaskState", message.StateRemoved, 0, []string{"other.yml"}},
		"no such body":           {script{bodies: true, task: "absent", path: "etl.py"}, "TaskState", message.StateRemoved, 0, []string{"probe.absent", "not part of"}},
		"Dag that is code":       {script{bodies: true, task: "succeed", path: "etl.py", file: "import this"}, "SucceedTask", "", 0, nil},
		"reports its own ending": {script{bodies: true, task: "skip", path: "etl.py"}, "TaskState", message.StateSkipped, 0, []string{"nothing to do"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.coordinated = commFirst
			test.env = append(test.env, "AIRFLOW__UNDERSTUDY__TERMINAL_TIMEOUT=0.2")
			if test.bodies && test.file == "" {
				test.file = bodiesFile
			}
			a := start(t, test.script)
			a.ends(test.code, test.terminal)
			if state, ok := a.requests[0].Body.(*message.TaskState); ok && (state.State != test.state || state.EndDate == nil) {
				t.Errorf("TaskState %+v, want %s", state, test.state)
			}
			a.says("log", &a.log, test.says...)
		})
	}
}

// emptyBundle is a bundle list with a folder that has nothing in it.
const emptyBundle = `[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":"/usr/lib"}}]`

func silent(b message.Body) *message.Response {
	if _, terminal := message.TerminalState(b); terminal {
		return noAnswer
	}
	return nil
}

func hanging(b message.Body) *message.Response {
	if _, terminal := message.TerminalState(b); terminal {
		return hangUp
	}
	return nil
}

// TestLanguageRuntimeDoesNotSwitch shows that no code of a task of another user
// runs, whatever names that user.
func TestLanguageRuntimeDoesNotSwitch(t *testing.T) {
	own := fmt.Sprintf("uid %d", os.Geteuid())
	for name, test := range map[string]struct {
		script
		says []string
	}{
		"run_as_user":                {script{task: "probe_nobody"}, []string{"nobody", own, "does not switch"}},
		"default_impersonation":      {script{env: []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=nobody"}}, []string{"nobody", own}},
		"default, Dag that is code":  {script{bodies: true, task: "succeed", path: "etl.py", env: []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=nobody"}}, []string{"nobody", own}},
		"unknown user":               {script{task: "probe_ghost"}, []string{"no-such-user", "unknown user"}},
		"switched, but the Dag says": {script{task: "probe_ghost", handed: &Handed{Switched: true}}, []string{"no-such-user"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.coordinated = logsFirst
			test.verbs = `[{"do":"push_xcom","key":"ran","value":true}]`
			if test.handed != nil {
				test.handed.Settings = handedSettings(t)
			}
			a := start(t, test.script)
			a.ends(1)
			a.says("log", &a.log, test.says...)
			a.says("stderr", &a.stderr, test.says...)
		})
	}
}

func TestLanguageRuntimeIsCancelledBySIGTERM(t *testing.T) {
	a := start(t, script{coordinated: commFirst, verbs: `[{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600},{"do":"push_xcom","key":"late","value":1}]`})
	<-a.reach
	a.cmd.Process.Signal(unix.SIGTERM)
	a.ends(0, "SetXCom", "TaskState")
	a.says("log", &a.log, "stopped by")
}

func TestLanguageRuntimeEndsWithItsChannel(t *testing.T) {
	mark := marked(t)
	a := start(t, script{coordinated: commFirst, verbs: `[` + familyVerbs(mark) + `,{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600}]`})
	<-a.reach
	a.hangUp()
	if code := a.wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if left := alive(t, mark); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestNobodyListens names the port that refuses.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	port, err := loopback(gone.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(port); err == nil || !strings.Contains(err.Error(), port.String()) {
		t.Errorf("got %v", err)
	}
	for _, text := range []string{l.Addr().String(), strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1), strings.Replace(l.Addr().String(), "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		port, err := loopback(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		fd, err := dial(port)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		unix.Close(fd)
	}
}
