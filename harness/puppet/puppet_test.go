package puppet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// TestMain lets the test binary be the puppet, as a supervisor starts it and as sudo does.
func TestMain(m *testing.M) {
	if os.Getenv("PUPPET") != "" || len(os.Args) == 3 && os.Args[1] == resume {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(apart.Run(m.Run))
}

// stageOf is a supervisor for one puppet, and the folder that both know.
type stageOf struct {
	dir  string
	path string // PATH of the puppet
	task string
	id   int64 // of the startup frame

	again bool   // the startup frame comes again before the first answer
	first []byte // it

	// answer may be nil, and may return nil: the answer is empty then, or a log channel.
	answer func(message.Body) *message.Response

	asked []string
	ids   []int64
	log   bytes.Buffer
}

// ended is how a puppet ended.
type ended struct {
	code           int
	signal         syscall.Signal
	stdout, stderr string
	notes          []Note
}

func newStage(t *testing.T) *stageOf {
	t.Helper()
	s := &stageOf{dir: t.TempDir(), path: os.Getenv("PATH"), task: "probe"}
	if err := os.WriteFile(filepath.Join(s.dir, NotesFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// play starts a puppet that plays verbs, given as JSON, and waits for its end.
func (s *stageOf) play(t *testing.T, verbs string) ended {
	t.Helper()
	var conf message.Raw
	if err := conf.UnmarshalJSON(fmt.Appendf(nil, `{"verbs":%s,"barrier_dir":%q,"first":{"id":99}}`, verbs, s.dir)); err != nil {
		t.Fatal(err)
	}
	first, err := message.EncodeResponse(message.Response{ID: s.id, Body: &message.StartupDetails{
		TI:        message.TaskInstance{ID: "ti", TaskID: s.task, DagID: "probe", RunID: "r", TryNumber: 1},
		TIContext: message.TIRunContext{DagRun: message.DagRun{DagID: "probe", RunID: "r", RunType: message.RunManual, State: message.RunRunning, Conf: conf}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.first = first
	return s.serve(t, first)
}

func (s *stageOf) serve(t *testing.T, first []byte) ended {
	t.Helper()
	conn, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(self)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, &stdout, &stderr
	cmd.Env = []string{"PUPPET=1", "PATH=" + s.path, "GORACE=atexit_sleep_ms=0"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	late := time.AfterFunc(patience.Limit, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	var logs sync.WaitGroup
	if err := channel.Serve(conn, 0, first, func(w *channel.Writer, payload []byte) error { return s.respond(w, payload, &logs) }); err != nil {
		t.Error(err)
	}
	conn.Close()
	_ = cmd.Wait() // the state says more
	logs.Wait()
	e := ended{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String(), notes: s.notes(t)}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		e.signal = status.Signal()
	}
	return e
}

func (s *stageOf) respond(w *channel.Writer, payload []byte, logs *sync.WaitGroup) error {
	request, err := message.DecodeRequest(payload)
	if err != nil {
		return err
	}
	s.asked = append(s.asked, message.Describe(payload, message.ToSupervisor))
	s.ids = append(s.ids, request.ID)
	if s.again && len(s.asked) == 1 {
		if err := w.Write(s.first); err != nil {
			return err
		}
	}
	answer := &message.Response{}
	if s.answer != nil {
		if given := s.answer(request.Body); given != nil {
			answer = given
		}
	}
	answer.ID = request.ID
	if _, asks := request.Body.(*message.ResendLoggingFD); asks && answer.Body == nil && answer.Err == nil {
		ours, theirs, err := channel.Pair()
		if err != nil {
			return err
		}
		defer theirs.Close()
		logs.Go(func() {
			defer ours.Close()
			_, _ = io.Copy(&s.log, ours)
		})
		answer.Body = &message.SentFDs{FDs: message.List[int]{int(theirs.Fd())}}
		encoded, err := message.EncodeResponse(*answer)
		return errors.Join(err, w.WriteWith(encoded, theirs))
	}
	encoded, err := message.EncodeResponse(*answer)
	if err != nil {
		return err
	}
	return w.Write(encoded)
}

func (s *stageOf) notes(t *testing.T) []Note {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, NotesFile))
	if err != nil {
		t.Fatal(err)
	}
	var notes []Note
	for line := range bytes.Lines(text) {
		var note Note
		if err := json.Unmarshal(line, &note); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		notes = append(notes, note)
	}
	return notes
}

func TestAPuppetWithoutActsSucceeds(t *testing.T) {
	s := newStage(t)
	s.id = 7
	e := s.play(t, "[]")
	if e.code != 0 || e.stdout+e.stderr != "" {
		t.Errorf("%+v", e)
	}
	if len(s.asked) != 1 || !strings.Contains(s.asked[0], "SucceedTask") {
		t.Errorf("asked: %q", s.asked)
	}
	want := []Note{{Startup, map[string]any{"id": 7.0, "type": "StartupDetails", "ti": "ti", "dag_id": "probe", "run_id": "r", "task_id": "probe"}}}
	if diff := cmp.Diff(want, e.notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestActsOfAPuppet(t *testing.T) {
	refuse := func(body message.Body) *message.Response {
		return &message.Response{Err: &message.ErrorResponse{Error: message.APIServerError}}
	}
	for name, c := range map[string]struct {
		verbs  string
		answer func(message.Body) *message.Response
		code   int
		signal syscall.Signal
		asked  []string // parts of what it asked
		notes  []Note   // beside the first
		stderr string
		log    string
		stdout string
		again  bool // the startup frame comes a second time
	}{
		"push_xcom": {
			verbs: `[{"do":"push_xcom","key":"k","value":{"a":[1,null]}}]`,
			asked: []string{`SetXCom{key: "k", value: {"a": [1, nil]}, dag_id: "probe", run_id: "r", task_id: "probe"`, "SucceedTask"},
		},
		"push_xcom, refused": {
			verbs: `[{"do":"push_xcom","key":"k","value":1},{"do":"exit"}]`, answer: refuse, code: 97,
			asked: []string{"SetXCom"}, stderr: "understudy-puppet: act 1, push_xcom: SetXCom: API_SERVER_ERROR",
		},
		"ask": {
			verbs: `[{"do":"ask","request":{"type":"GetVariable","key":"v"},"note":"n"},{"do":"exit","code":3}]`,
			answer: func(message.Body) *message.Response {
				return &message.Response{Body: &message.VariableResult{Key: "v", Value: new("x")}}
			},
			code: 3, asked: []string{"GetVariable"},
			notes: []Note{{"n", map[string]any{"type": "VariableResult", "body": map[string]any{"key": "v", "value": "x"}}}},
		},
		"ask, answered by nothing": {
			verbs: `[{"do":"ask","request":{"type":"TaskState","state":"failed"},"note":"n"},{"do":"exit"}]`,
			asked: []string{"TaskState"}, notes: []Note{{"n", map[string]any{"type": ""}}},
		},
		"ask, refused": {
			verbs: `[{"do":"ask","request":{"type":"TaskState","state":"failed"},"note":"n"},{"do":"exit"}]`, answer: refuse,
			asked: []string{"TaskState"}, notes: []Note{{"n", map[string]any{"type": "", "error": "API_SERVER_ERROR"}}},
		},
		"ask under other ids": {
			verbs: `[{"do":"ask","id":9223372036854775807,"request":{"type":"GetVariable","key":"v"},"note":"n"},{"do":"ask","id":0,"pieces":true,"request":{"type":"GetVariable","key":"v"}},{"do":"exit"}]`,
			asked: []string{"#9223372036854775807 GetVariable", "#0 GetVariable"}, notes: []Note{{"n", map[string]any{"type": ""}}},
		},
		"ask, answered by the startup frame again": {
			verbs: `[{"do":"push_xcom","key":"k","value":1}]`, code: 97, stderr: "act 1, push_xcom: SetXCom: StartupDetails came again, as if it were the answer to request #0", again: true,
			asked: []string{"SetXCom"},
		},
		"spawn": {
			verbs: `[{"do":"spawn","argv":["sh","-c","echo $PPID"]},{"do":"spawn","argv":[],"note":"n"},{"do":"exit"}]`,
			notes: []Note{{"n", map[string]any{"error": "argv is empty"}}},
		},
		"ask what is no message": {
			verbs: `[{"do":"ask","request":{"type":"Nonsense"}}]`, code: 97, stderr: "act 1, ask: read the request: decode Nonsense",
		},
		"ask_log and log": {
			verbs: `[{"do":"ask_log","note":"n"},{"do":"log","message":"to the channel"},{"do":"log","message":"to stdout","channel":"stdout"},
				{"do":"log","message":"to stderr","channel":"stderr"},{"do":"exit"}]`,
			asked: []string{"ResendLoggingFD"}, notes: []Note{{"n", Given}},
			log: `{"event":"to the channel","level":"info"}` + "\n", stdout: "to stdout\n", stderr: "to stderr",
		},
		"ask_log, refused": {
			verbs: `[{"do":"ask_log","note":"n"},{"do":"exit"}]`, answer: refuse,
			asked: []string{"ResendLoggingFD"},
			notes: []Note{{"n", map[string]any{"error": "ask for the log channel: API_SERVER_ERROR"}}},
		},
		"log without ask_log": {
			verbs: `[{"do":"log","message":"m"},{"do":"log","message":"n"},{"do":"exit"}]`, asked: []string{"ResendLoggingFD"},
			log: `{"event":"m","level":"info"}` + "\n" + `{"event":"n","level":"info"}` + "\n",
		},
		"log without ask_log, refused": {verbs: `[{"do":"log","message":"m"}]`, answer: refuse, asked: []string{"ResendLoggingFD"}, code: 97, stderr: "act 1, log: ask for the log channel"},
		"mask_secret, get_connection and get_variable": {
			verbs: `[{"do":"mask_secret","value":"s","name":"password"},{"do":"get_connection","conn_id":"db"},{"do":"get_variable","key":"k"},{"do":"exit"}]`,
			asked: []string{"MaskSecret", "GetConnection", "GetVariable"},
		},
		"signal_self":    {verbs: `[{"do":"signal_self","signal":"SIGKILL"}]`, signal: syscall.SIGKILL, code: -1},
		"ignore_sigterm": {verbs: `[{"do":"ignore_sigterm"},{"do":"signal_self","signal":"SIGTERM"},{"do":"exit","code":5}]`, code: 5},
		"no such signal": {verbs: `[{"do":"signal_self","signal":"SIGNONE"}]`, code: 97, stderr: `no signal is called "SIGNONE"`},
		"no such act":    {verbs: `[{"do":"fly"}]`, code: 97, stderr: "act 1, fly: no such act"},
		"no such act, noted": {
			verbs: `[{"do":"fly","note":"n"},{"do":"exit"}]`, notes: []Note{{"n", map[string]any{"error": "no such act"}}},
		},
		"no such barrier": {verbs: `[{"do":"wait_for","name":"nowhere"}]`, code: 97, stderr: "nowhere: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.answer, s.again = c.answer, c.again
			e := s.play(t, c.verbs)
			if e.code != c.code || e.signal != c.signal || e.stdout != c.stdout || !strings.Contains(e.stderr, c.stderr) || c.stderr == "" && e.stderr != "" {
				t.Errorf("%+v", e)
			}
			if len(s.asked) != len(c.asked) {
				t.Errorf("asked %q, want %q", s.asked, c.asked)
			}
			for i := range min(len(s.asked), len(c.asked)) {
				if !strings.Contains(s.asked[i], c.asked[i]) {
					t.Errorf("asked %q, want %q", s.asked[i], c.asked[i])
				}
			}
			if diff := cmp.Diff(c.notes, append([]Note(nil), e.notes[1:]...)); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if s.log.String() != c.log {
				t.Errorf("log %q", &s.log)
			}
		})
	}
}

func TestAPuppetStandsAtABarrierUntilItIsLetGo(t *testing.T) {
	s := newStage(t)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "here"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(filepath.Join(s.dir, "here"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	s.answer = func(body message.Body) *message.Response {
		if set, is := body.(*message.SetXCom); is {
			if set.Key != "at_here" {
				t.Errorf("it says that it is %s", set.Key)
			}
			if _, err := fifo.Write([]byte("\n")); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if e := s.play(t, `[{"do":"wait_for","name":"here"},{"do":"exit","code":6}]`); e.code != 6 {
		t.Errorf("%+v", e)
	}
}

// What a puppet cannot play by ends it, and it says what it was given.
func TestAPuppetSaysWhyItHasNothingToPlay(t *testing.T) {
	encode := func(r message.Response) []byte {
		payload, err := message.EncodeResponse(r)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	for name, c := range map[string]struct {
		first []byte
		want  string
	}{
		"another message": {encode(message.Response{Body: &message.OKResponse{OK: true}}), "*message.OKResponse, not StartupDetails"},
		"no message":      {[]byte{0xc1}, "wait for the first frame"},
		"no conf": {encode(message.Response{Body: &message.StartupDetails{
			TI: message.TaskInstance{TaskID: "probe"}, TIContext: message.TIRunContext{DagRun: message.DagRun{RunType: message.RunManual, State: message.RunRunning}},
		}}), "note startup"},
	} {
		if e := newStage(t).serve(t, c.first); e.code != 97 || !strings.Contains(e.stderr, c.want) {
			t.Errorf("%s: %+v, want %s", name, e, c.want)
		}
	}
}

// sudoAs puts a sudo into the puppet's PATH that notes its arguments and only executes.
func (s *stageOf) sudoAs(t *testing.T, user string) (arguments string) {
	t.Helper()
	bin := t.TempDir()
	arguments = filepath.Join(bin, "arguments")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s ' \"$@\" >%s\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nunset PUPPET\nexec \"$@\"\n", arguments)
	if err := errors.Join(
		os.WriteFile(filepath.Join(bin, "sudo"), []byte(script), 0o755),
		os.WriteFile(filepath.Join(s.dir, UserFile), []byte(user), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.path = bin + ":" + s.path
	return arguments
}

// The second process of a puppet goes on with the channel, the part and the notes of
// the first, which had sent nothing.
func TestAPuppetBecomesAnotherUser(t *testing.T) {
	s := newStage(t)
	s.task = "probe_nobody"
	arguments := s.sudoAs(t, "nobody")
	e := s.play(t, `[{"do":"ask_log","note":"log"},{"do":"log","message":"m"},{"do":"push_xcom","key":"k","value":1}]`)
	if e.code != 0 || e.stderr != "" {
		t.Errorf("%+v", e)
	}
	text, err := os.ReadFile(arguments)
	if err != nil || !strings.HasPrefix(string(text), "-n -H -u nobody -- ") {
		t.Errorf("sudo was given %q, %v", text, err)
	}
	if !slices.Equal(s.ids, []int64{0, 1, 2}) || !strings.Contains(s.asked[0], "ResendLoggingFD") || !strings.Contains(s.asked[1], `task_id: "probe_nobody"`) {
		t.Errorf("asked %q under %v", s.asked, s.ids)
	}
	if len(e.notes) != 2 || e.notes[0].Note != Startup || e.notes[1].Value != Given {
		t.Errorf("notes %+v", e.notes)
	}
}

func TestAPuppetThatCannotBecomeAnotherUserSaysWhy(t *testing.T) {
	for user, want := range map[string]string{"nobody": "become nobody: exec: \"sudo\"", "no-such-user": "become no-such-user: "} {
		s := newStage(t)
		s.sudoAs(t, user)
		s.path = t.TempDir()
		if e := s.play(t, "[]"); e.code != 97 || !strings.Contains(e.stderr, want) || len(s.asked) > 0 {
			t.Errorf("%+v, want %s", e, want)
		}
	}
}

func TestAPuppetStaysWhoItIs(t *testing.T) {
	s := newStage(t)
	if os.Geteuid() != 0 {
		t.Skip("names the own user as root")
	}
	arguments := s.sudoAs(t, "root")
	if e := s.play(t, "[]"); e.code != 0 {
		t.Errorf("%+v", e)
	}
	if _, err := os.Stat(arguments); err == nil {
		t.Error("it went through sudo")
	}
}

func TestArgumentsOfAPuppet(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"--help"}, 0, "plays a task runner"},
		{[]string{"help"}, 0, "plays a task runner"},
		{[]string{"kill", "1"}, 2, `cannot make sense of the arguments ["kill" "1"]`},
		{[]string{"resume"}, 2, "cannot make sense"},
	} {
		var out bytes.Buffer
		if code := Main(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.out) {
			t.Errorf("%q: %d, %s", c.args, code, &out)
		}
	}
}

// Nothing is said before it stands at the silent barrier: what it notes tells.
func TestAPuppetNotesSIGTERMAndGoesOn(t *testing.T) {
	s := newStage(t)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "here"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(filepath.Join(s.dir, "here"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	came := make(chan time.Time, 1)
	go func() {
		for range time.Tick(time.Millisecond) {
			if text, _ := os.ReadFile(filepath.Join(s.dir, NotesFile)); bytes.Contains(text, []byte(`{"note":"SIGTERM","value":"`)) {
				came <- time.Now()
				fifo.Write([]byte{'\n'})
				return
			}
		}
	}()
	before := time.Now()
	e := s.play(t, `[{"do":"note_sigterm"},{"do":"spawn","argv":["sh","-c","kill -TERM $PPID"]},{"do":"wait_for","name":"here","silent":true},{"do":"exit","code":6}]`)
	if e.code != 6 || len(s.asked) > 0 || len(e.notes) != 2 {
		t.Fatalf("%+v, asked %q", e, s.asked)
	}
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e.notes[1].Value))
	if err != nil || at.Before(before) || at.After(<-came) {
		t.Errorf("noted at %v, %v", at, err)
	}
}
