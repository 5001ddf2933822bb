package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/runner"
)

// world is a supervisor with a memory.
type world struct {
	mu        sync.Mutex
	xcoms     map[string]message.Raw // "dag/run/task/key"
	variables map[string]string
}

func (w *world) Ask(_ context.Context, request message.Body) (message.Body, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	absent := func(code message.ErrorCode) error { return (&message.ErrorResponse{Error: code}).Err() }
	switch r := request.(type) {
	case *message.SetXCom:
		w.xcoms[path(r.DagID, r.RunID, r.TaskID, r.Key)] = r.Value
		return nil, nil
	case *message.GetXCom:
		return &message.XComResult{Key: r.Key, Value: w.xcoms[path(r.DagID, r.RunID, r.TaskID, r.Key)]}, nil
	case *message.DeleteXCom:
		delete(w.xcoms, path(r.DagID, r.RunID, r.TaskID, r.Key))
		return nil, nil
	case *message.GetVariable:
		value, ok := w.variables[r.Key]
		if !ok {
			return nil, absent(message.VariableNotFound)
		}
		return &message.VariableResult{Key: r.Key, Value: &value}, nil
	case *message.PutVariable:
		w.variables[r.Key] = *r.Value
		return nil, nil
	case *message.DeleteVariable:
		delete(w.variables, r.Key)
		return &message.OKResponse{OK: true}, nil
	case *message.GetConnection:
		if r.ConnID != "db" {
			return nil, absent(message.ConnectionNotFound)
		}
		host, password, port, extra := "h", "p", 5432, `{"a":1}`
		return &message.ConnectionResult{ConnID: "db", ConnType: "postgres", Host: &host, Password: &password, Port: &port, Extra: &extra}, nil
	}
	return nil, fmt.Errorf("unexpected %T", request)
}

func path(parts ...string) string { return strings.Join(parts, "/") }

// result returns the XCom of the task under key as JSON text.
func (w *world) result(t *testing.T, key string) string {
	t.Helper()
	raw, ok := w.xcoms[path("d", "r", "t", key)]
	if !ok {
		t.Fatalf("no XCom %s", key)
	}
	text, err := raw.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// run performs verbs given as a JSON list. barrier may be "".
func run(t *testing.T, w *world, barrier, verbs string) error {
	t.Helper()
	task, _ := newTask(t, w, fmt.Sprintf(`{"barrier_dir":%q,"verbs":%s}`, barrier, verbs))
	return Run(context.Background(), task)
}

func newWorld() *world {
	return &world{xcoms: map[string]message.Raw{}, variables: map[string]string{}}
}

func newTask(t *testing.T, w *world, conf string) (*runner.Task, *bytes.Buffer) {
	t.Helper()
	var raw message.Raw
	if err := raw.UnmarshalJSON([]byte(conf)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return &runner.Task{
		TI:         message.TaskInstance{DagID: "d", RunID: "r", TaskID: "t"},
		Context:    message.TIRunContext{DagRun: message.DagRun{Conf: raw}},
		Supervisor: w,
		Settings: func(section, key string) (string, bool) {
			value, ok := map[string]string{"core.x": "y"}[section+"."+key]
			return value, ok
		},
		Log:    slog.New(slog.NewTextHandler(&out, nil)),
		Stdout: &out,
		Stderr: &out,
	}, &out
}

func TestStoredThings(t *testing.T) {
	w := newWorld()
	w.xcoms["d/r/other/k"] = mustRaw(t, map[string]any{"n": int64(1) << 60})
	w.xcoms["d2/r2/other/k"] = mustRaw(t, "elsewhere")
	err := run(t, w, "", `[
		{"do":"push_xcom","key":"big","value":[9007199254740993, 1.0, {}, null, [null], "ü€"]},
		{"do":"pull_xcom","task_id":"t","key":"big","save":"again"},
		{"do":"pull_xcom","task_id":"other","key":"k","save":"theirs"},
		{"do":"pull_xcom","task_id":"other","key":"k","dag_id":"d2","run_id":"r2","save":"elsewhere"},
		{"do":"pull_xcom","task_id":"other","key":"absent","save":"absent"},
		{"do":"push_xcom","key":"gone","value":1},
		{"do":"delete_xcom","key":"gone"},
		{"do":"put_variable","key":"v","value":"1"},
		{"do":"get_variable","key":"v","save":"variable"},
		{"do":"delete_variable","key":"v"},
		{"do":"get_variable","key":"v","catch":true,"save":"caught"},
		{"do":"get_connection","conn_id":"db","save":"connection"},
		{"do":"get_connection","conn_id":"none","catch":true,"save":"none"},
		{"do":"setting","section":"core","key":"x","save":"setting"},
		{"do":"setting","section":"core","key":"z","save":"unset"}
	]`)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"again":      `[9007199254740993,1.0,{},null,[null],"ü€"]`,
		"theirs":     `{"n":1152921504606846976}`,
		"elsewhere":  `"elsewhere"`,
		"absent":     `null`,
		"variable":   `"1"`,
		"caught":     `{"error":"VARIABLE_NOT_FOUND","message":"VARIABLE_NOT_FOUND"}`,
		"connection": `{"conn_id":"db","conn_type":"postgres","extra":"{\"a\":1}","host":"h","login":null,"password":"p","port":5432,"schema":null}`,
		"none":       `{"error":"CONNECTION_NOT_FOUND","message":"CONNECTION_NOT_FOUND"}`,
		"setting":    `"y"`,
		"unset":      `null`,
	} {
		if diff := cmp.Diff(want, w.result(t, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if _, left := w.xcoms["d/r/t/gone"]; left {
		t.Error("delete_xcom left the XCom")
	}
}

func mustRaw(t *testing.T, v any) message.Raw {
	t.Helper()
	raw, err := message.RawOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestErrorsEndTheTaskUnlessCaught(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, test := range map[string]struct{ verbs, want string }{
		"fail":               {`[{"do":"fail","message":"as asked"},{"do":"push_xcom","key":"after","value":1}]`, "verb 1 (fail): as asked"},
		"unknown verb":       {`[{"do":"dance"}]`, `unknown verb "dance"`},
		"unknown, caught":    {`[{"do":"dance","catch":true}]`, `unknown verb "dance"`},
		"missing argument":   {`[{"do":"push_xcom"}]`, `"key" is missing`},
		"wrong argument":     {`[{"do":"sleep","seconds":"long"}]`, `"seconds"`},
		"no map":             {`["whoami"]`, "verb 1 is no map"},
		"no list":            {`{"do":"whoami"}`, "no list"},
		"missing file":       {fmt.Sprintf(`[{"do":"read_file","path":%q}]`, missing), missing},
		"negative":           {`[{"do":"payload","key":"k","bytes":-1}]`, "-1"},
		"no program":         {`[{"do":"spawn","argv":["/no/such/program"]}]`, "/no/such/program"},
		"unknown signal":     {`[{"do":"signal_self","signal":"SIGNONE"}]`, "SIGNONE"},
		"unknown level":      {`[{"do":"log","message":"m","level":"loud"}]`, "loud"},
		"unknown channel":    {`[{"do":"log","message":"m","channel":"radio"}]`, "radio"},
		"no such barrier":    {`[{"do":"wait_for","name":"a/b"}]`, "a/b"},
		"variable not there": {`[{"do":"get_variable","key":"none"}]`, "VARIABLE_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			if err := run(t, w, t.TempDir(), test.verbs); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if _, went := w.xcoms["d/r/t/after"]; went {
				t.Error("the verb after the failure was performed")
			}
			if _, own := w.xcoms["d/r/t/probe_fault"]; own != strings.HasPrefix(test.want, "unknown verb") {
				t.Errorf("the probe says that the fault is its own: %v", own)
			}
		})
	}
	w := newWorld()
	err := run(t, w, "", fmt.Sprintf(`[{"do":"read_file","path":%q,"catch":true,"save":"e"},{"do":"fail","message":"m","catch":true,"save":"f"}]`, missing))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.result(t, "e"); !strings.Contains(got, `"error":"ENOENT"`) || !strings.Contains(got, missing) {
		t.Errorf("caught error: %s", got)
	}
	if got, want := w.result(t, "f"), `{"error":"Failure","message":"m"}`; got != want {
		t.Errorf("caught failure: got %s, want %s", got, want)
	}
}

func TestWhichVerbsAreTheTasks(t *testing.T) {
	for conf, want := range map[string]string{
		`{"verbs":[{"do":"push_xcom","key":"who","value":"all"}]}`:                                                                  `"all"`,
		`{"verbs":[{"do":"push_xcom","key":"who","value":"all"}],"tasks":{"t":[{"do":"push_xcom","key":"who","value":"own"}]}}`:     `"own"`,
		`{"verbs":[{"do":"push_xcom","key":"who","value":"all"}],"tasks":{"other":[{"do":"push_xcom","key":"who","value":"own"}]}}`: `"all"`,
		`{"verbs":[{"do":"push_xcom","key":"who","value":"all"}],"tasks":{"t":[]}}`:                                                 ``,
		`{}`:   ``,
		`null`: ``,
	} {
		w := newWorld()
		task, _ := newTask(t, w, conf)
		if err := Run(context.Background(), task); err != nil {
			t.Fatalf("%s: %v", conf, err)
		}
		got := ""
		if len(w.xcoms) > 0 {
			got = w.result(t, "who")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", conf, got, want)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	w := newWorld()
	dir := t.TempDir()
	old := unix.Umask(0o027)
	defer unix.Umask(old)
	t.Setenv("PROBE_TEST", "x")
	err := run(t, w, "", fmt.Sprintf(`[
		{"do":"whoami","save":"whoami"},
		{"do":"write_file","path":%q,"text":"hello","save":"written"},
		{"do":"read_file","path":%q,"save":"read"},
		{"do":"list_environment","save":"environment"},
		{"do":"open_files","save":"files"}
	]`, dir+"/f", dir+"/f"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.result(t, "written"), `{"mode":"0640"}`; got != want {
		t.Errorf("write_file: got %s, want %s", got, want)
	}
	if got, want := w.result(t, "read"), `{"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":5}`; got != want {
		t.Errorf("read_file: got %s, want %s", got, want)
	}
	var who struct {
		RUID, EUID, SUID, RGID, EGID, SGID, PID int
		Groups                                  []int
	}
	decode(t, w.result(t, "whoami"), &who)
	if who.EUID != os.Geteuid() || who.RUID != os.Getuid() || who.SGID != os.Getegid() || who.PID != os.Getpid() {
		t.Errorf("whoami: %+v", who)
	}
	var names []string
	decode(t, w.result(t, "environment"), &names)
	if !slices.Contains(names, "PROBE_TEST") || !slices.IsSorted(names) {
		t.Errorf("list_environment: %v", names)
	}
	var files []struct {
		FD     int
		Target string
	}
	decode(t, w.result(t, "files"), &files)
	seen := map[int]string{}
	for _, f := range files {
		seen[f.FD] = f.Target
	}
	for fd := range 3 {
		if want, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); seen[fd] != want {
			t.Errorf("open_files: %d is %q, want %q", fd, seen[fd], want)
		}
	}
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// TestSpawn starts a child and a daemon, each with a name for its session.
func TestSpawn(t *testing.T) {
	w := newWorld()
	err := run(t, w, "", `[
		{"do":"spawn","argv":["sleep","600"],"save":"child"},
		{"do":"spawn","argv":["sleep","601"],"daemonise":true,"save":"daemon"}
	]`)
	if err != nil {
		t.Fatal(err)
	}
	status := func(key string) (pid, ppid, session int) {
		var result struct{ PID int }
		decode(t, w.result(t, key), &result)
		t.Cleanup(func() { unix.Kill(result.PID, unix.SIGKILL) })
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", result.PID))
		if err != nil {
			t.Fatalf("%s is not running: %v", key, err)
		}
		var pgrp int
		var name, state string
		if _, err := fmt.Sscanf(string(text), "%d %s %s %d %d %d", &pid, &name, &state, &ppid, &pgrp, &session); err != nil {
			t.Fatal(err)
		}
		return pid, ppid, session
	}
	own, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, ppid, session := status("child"); ppid != os.Getpid() || session != own {
		t.Errorf("child: parent %d, session %d", ppid, session)
	}
	pid, ppid, session := status("daemon")
	if ppid == os.Getpid() || session == own || session == pid {
		t.Errorf("daemon %d: parent %d, session %d", pid, ppid, session)
	}
	for fd := range 3 {
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); target != "/dev/null" {
			t.Errorf("daemon: descriptor %d is %q, %v", fd, target, err)
		}
	}
	// The shell closes descriptor 3 after the fork, and the loader opens libraries
	// there for a moment; one that leaked would stay.
	third := fmt.Sprintf("/proc/%d/fd/3", pid)
	for deadline := time.Now().Add(patience.Limit); ; time.Sleep(time.Millisecond) {
		if _, err := os.Readlink(third); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("daemon: descriptor 3 is open")
		}
	}
}

func TestBarrier(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "gate")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	gate, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	const verbs = `{"barrier_dir":%q,"verbs":[{"do":"wait_for","name":"gate"},{"do":"push_xcom","key":"after","value":1}]}`

	w := &watched{world: newWorld(), reached: make(chan struct{})}
	task, _ := newTask(t, w.world, fmt.Sprintf(verbs, dir))
	task.Supervisor = w
	ended := make(chan error, 1)
	go func() { ended <- Run(context.Background(), task) }()
	<-w.reached
	select {
	case err := <-ended:
		t.Fatalf("the barrier held nobody: %v", err)
	case <-time.After(50 * time.Millisecond): // silence is the requirement
	}
	if _, err := gate.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if w.result(t, "at_gate") != "true" || w.result(t, "after") != "1" {
		t.Error("wrong XComs")
	}

	w = &watched{world: newWorld(), reached: make(chan struct{})}
	task, _ = newTask(t, w.world, fmt.Sprintf(verbs, dir))
	task.Supervisor = w
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() { ended <- Run(ctx, task) }()
	<-w.reached
	stopped := errors.New("stopped")
	cancel(stopped)
	if err := <-ended; !errors.Is(err, stopped) {
		t.Errorf("a cancelled barrier gave %v", err)
	}
}

// watched tells when a barrier was reached.
type watched struct {
	*world
	reached chan struct{}
}

func (w *watched) Ask(ctx context.Context, request message.Body) (message.Body, error) {
	body, err := w.world.Ask(ctx, request)
	if set, ok := request.(*message.SetXCom); ok && strings.HasPrefix(set.Key, "at_") {
		close(w.reached)
	}
	return body, err
}

func TestCancelledTaskStartsNoFurtherVerb(t *testing.T) {
	w := newWorld()
	task, _ := newTask(t, w, `{"verbs":[{"do":"sleep","seconds":600,"catch":true},{"do":"push_xcom","key":"after","value":1}]}`)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	time.AfterFunc(10*time.Millisecond, func() { cancel(stopped) })
	if err := Run(ctx, task); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
	if len(w.xcoms) != 0 {
		t.Error("a verb was performed after the cancellation")
	}
}

func TestLogChannels(t *testing.T) {
	w := newWorld()
	task, out := newTask(t, w, `{"verbs":[
		{"do":"log","message":"quiet","level":"warning"},
		{"do":"log","message":"loud","level":"critical"},
		{"do":"log","message":"line","count":3,"channel":"stdout"},
		{"do":"log","message":"err","channel":"stderr"},
		{"do":"log","message":"none","count":0}
	]}`)
	if err := Run(context.Background(), task); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"level=WARN msg=quiet\n", "level=ERROR+4 msg=loud\n", "line 0\nline 1\nline 2\n", "\nerr\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("output lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "none") {
		t.Errorf("count 0 logged:\n%s", text)
	}
}

func TestPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5000).Draw(t, "n")
		text := pattern(n)
		if len(text) != n {
			t.Fatalf("%d bytes, want %d", len(text), n)
		}
		for i, b := range text {
			if b != 'a'+byte(i%26) {
				t.Fatalf("byte %d is %q", i, b)
			}
		}
	})
}

func TestPayload(t *testing.T) {
	w := newWorld()
	err := run(t, w, "", `[
		{"do":"payload","key":"p","bytes":20000000},
		{"do":"check_payload","task_id":"t","key":"p","bytes":20000000,"save":"same"},
		{"do":"check_payload","task_id":"t","key":"p","bytes":19999999,"save":"shorter"},
		{"do":"push_xcom","key":"q","value":"abd"},
		{"do":"check_payload","task_id":"t","key":"q","bytes":3,"save":"other"},
		{"do":"check_payload","task_id":"t","key":"none","bytes":0,"save":"none"}
	]`)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"same": `{"equal":true,"length":20000000}`, "shorter": `{"equal":false,"length":20000000}`,
		"other": `{"equal":false,"length":3}`, "none": `{"equal":false,"length":0}`,
	} {
		if got := w.result(t, key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}
