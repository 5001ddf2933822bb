package supervisor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// A puppet is this test binary in the place of the runner. It does exactly what
// its act says, to see what the supervisor makes of it.

type actor struct {
	*channel.Runner
	conn *os.File // for octets that are no frame
}

var acts = map[string]func(a *actor) int{
	"descriptors": func(a *actor) int {
		return a.say(fmt.Sprintf("fds %v group %v dir %v", inherited, unix.Getpgrp() == os.Getpid(), must(os.Getwd())))
	},
	"bad bodies": func(a *actor) int {
		raw := func(id int64, body map[string]any) string {
			b := must(message.RawOf([]any{id, body}))
			return a.exchange([]byte(b))
		}
		return a.say(strings.Join([]string{
			raw(7, map[string]any{"type": "Nonsense"}),
			raw(7, map[string]any{"type": "GetVariable"}),
			raw(7, map[string]any{"no": "type"}),
			raw(1<<62, map[string]any{"type": "GetVariable", "key": "absent", "more": 1}),
			raw(3, map[string]any{"type": "UpdateHITLDetail", "ti_id": tiID, "chosen_options": []any{"a"}}),
		}, " | "))
	},
	"empty frame":     func(a *actor) int { return a.bytes([]byte{0, 0, 0, 0}) },
	"no MessagePack":  func(a *actor) int { return a.bytes(frame.Append(nil, []byte{0xc1})) },
	"no array":        func(a *actor) int { return a.bytes(frame.Append(nil, []byte{0x80})) },
	"text id":         func(a *actor) int { return a.bytes(frame.Append(nil, []byte{0x92, 0xa1, 'x', 0x80})) },
	"huge frame":      func(a *actor) int { return a.bytes([]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}) },
	"half frame":      func(a *actor) int { _, _ = a.conn.Write([]byte{0, 0, 0, 9, 0x93}); return 0 },
	"unread answer":   func(a *actor) int { a.send(&message.SucceedTask{EndDate: message.At(time.Now())}); return 0 },
	"closed channel":  func(a *actor) int { a.Close(); a.conn.Close(); time.Sleep(300 * time.Millisecond); return 4 },
	"skipped, exit 3": func(a *actor) int { a.ask(&message.TaskState{State: "skipped"}); return 3 },
	"success, exit 3": func(a *actor) int { a.succeed(); return 3 },
	"success, hangs":  func(a *actor) int { a.succeed(); return hang() },
	"skipped, hangs":  func(a *actor) int { a.ask(&message.TaskState{State: "skipped"}); return hang() },
	"rescheduled, hangs": func(a *actor) int {
		a.ask(&message.RescheduleTask{RescheduleDate: message.At(time.Now()), EndDate: message.At(time.Now())})
		return hang()
	},
	"many channels": func(a *actor) int {
		given := 0
		for range 20 {
			if f := a.log(); f != nil {
				given++
				fmt.Fprintf(f, `{"timestamp":"2026-01-01T00:00:00Z","level":"info","event":"on channel %d"}`, given)
				f.Close()
			}
		}
		return a.say(fmt.Sprintf("given %d", given))
	},
	"odd log lines": func(a *actor) int {
		f := a.log()
		fmt.Fprint(f, "{}\n1\n[1]\n\n{\"level\":\"weird\",\"event\":\"e\"}\n{\"level\":\"info\",\"event\":\"e\",\"timestamp\":\"yesterday\"}\nnot json\n\xff\xfe\n{\"level\":\"info\",\"event\":\"no time\"}\n{\"level\":\"info\",\"event\":\"un")
		f.Close()
		return a.succeed()
	},
	"long line": func(a *actor) int {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 50 {
			_, _ = os.Stdout.Write(chunk)
		}
		return a.succeed()
	},
	"works on": func(a *actor) int { // whatever signal comes
		signal.Ignore(syscall.SIGTERM)
		for i := range 1 << 20 {
			a.ask(&message.SetXCom{Key: fmt.Sprintf("k%d", i), DagID: "probe", RunID: "r1", TaskID: "probe"})
			time.Sleep(20 * time.Millisecond)
		}
		return 0
	},
	"flood": func(a *actor) int {
		go func() {
			w := bufio.NewWriter(a.conn)
			for i := range int64(20_000) {
				payload := must(message.EncodeRequest(message.Request{ID: i, Body: &message.MaskSecret{}}))
				_, _ = w.Write(frame.Append(nil, payload))
			}
			w.Flush()
		}()
		for i := range int64(20_000) {
			r := must(a.Receive())
			if r.ID != i || r.Err != nil {
				return a.say(fmt.Sprintf("answer %d: %+v", i, r))
			}
		}
		return a.succeed()
	},
	"frames without end": func(a *actor) int {
		signal.Ignore(syscall.SIGTERM)
		go func() {
			for { // somebody has to read the answers
				_, _ = a.Receive()
			}
		}()
		batch := bytes.Repeat(frame.Append(nil, must(message.EncodeRequest(message.Request{ID: 1, Body: &message.GetVariable{Key: "absent"}}))), 100)
		for {
			if _, err := a.conn.Write(batch); err != nil {
				return hang()
			}
		}
	},
	"logs without end": func(a *actor) int {
		signal.Ignore(syscall.SIGTERM, syscall.SIGPIPE)
		lines := bytes.Repeat([]byte(`{"level":"info","event":"again"}`+"\n"), 2000)
		write := func(w *os.File) {
			for {
				if _, err := w.Write(lines); err != nil {
					return
				}
			}
		}
		for range maxLogChannels {
			go write(a.log())
		}
		go write(os.Stderr)
		write(os.Stdout)
		return hang()
	},
	"secret late": func(a *actor) int {
		a.ask(&message.MaskSecret{Value: must(message.RawOf(map[string]any{"deep": []any{"hidden-value"}}))})
		fmt.Println("stdout hidden-value")
		fmt.Fprintln(os.Stderr, "stderr hidden-value")
		return a.succeed()
	},
}

// inherited are the descriptors that the puppet found open.
var inherited []string

func openDescriptors() []string {
	var list []string
	for _, e := range must(os.ReadDir("/proc/self/fd")) {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		own := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/sys/fs/cgroup/") || strings.HasPrefix(target, "/proc/")
		if err == nil && !own { // the Go runtime's, and this listing
			list = append(list, e.Name())
		}
	}
	return list
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "puppet:", err)
		os.Exit(99)
	}
	return v
}

func puppet(name string) int {
	act := acts[name]
	if act == nil {
		act = hostile[name]
	}
	if act == nil {
		return 98
	}
	inherited = openDescriptors()
	a := &actor{Runner: must(channel.Open(0)), conn: os.NewFile(0, "channel")}
	if name != "unread answer" {
		if _, err := a.Startup(); err != nil {
			return 97
		}
	}
	return act(a)
}

func hang() int {
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(time.Hour)
	return 0
}

func (a *actor) send(body message.Body) { must(a.Send(body)) }

// ask sends a request and describes the answer.
func (a *actor) ask(body message.Body) string { return described(a.Ask(body)) }

func described(r message.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	switch refusal, _ := r.Body.(*message.ErrorResponse); {
	case r.Err != nil:
		return fmt.Sprintf("%d error element %s", r.ID, r.Err.Text())
	case refusal != nil:
		return fmt.Sprintf("%d body %s", r.ID, refusal.Error)
	}
	return fmt.Sprintf("%d ok", r.ID)
}

func (a *actor) exchange(payload []byte) string {
	_ = a.Write(payload)
	return described(a.Receive())
}

func (a *actor) succeed() int {
	if answer := a.ask(&message.SucceedTask{EndDate: message.At(time.Now())}); !strings.HasSuffix(answer, "ok") {
		fmt.Println("success refused:", answer)
	}
	return 0
}

func (a *actor) say(text string) int {
	fmt.Println(text)
	return a.succeed()
}

// log asks for a log channel; none is given where the supervisor refuses it.
func (a *actor) log() *os.File {
	f, err := a.AskLog()
	if errors.Is(err, channel.ErrNoLog) {
		fmt.Println("neither descriptor nor error")
	}
	return f
}

// bytes writes what is no request, and waits for the end that it should bring.
func (a *actor) bytes(b []byte) int {
	_, _ = a.conn.Write(b)
	_, _ = a.Receive()
	return hang()
}

// puppetSite is a site whose runner is a puppet.
func puppetSite(t *testing.T, act string) *site {
	s := newSite(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(s.dir, "puppet")
	text := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 PUPPET='%s' exec %s\n", act, self)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s.argv = []string{"--runner", script}
	s.env = append(s.env, "AIRFLOW__CORE__TASK_SUCCESS_OVERTIME=0.5", "AIRFLOW__UNDERSTUDY__KILL_STEP=0.3")
	return s
}

func TestPuppets(t *testing.T) {
	for act, want := range map[string]struct {
		states []string
		log    []string
	}{
		"descriptors": {[]string{"success"}, []string{"fds [0 1 2] group true dir /"}},
		"bad bodies": {[]string{"success"}, []string{
			`7 error element API_SERVER_ERROR: {\"detail\":\"decode Nonsense #7: unknown message type`, `Unhandled request`,
			`7 error element API_SERVER_ERROR: {\"detail\":null,\"message\":\"decode GetVariable #7: key: field`,
			"4611686018427387904 body VARIABLE_NOT_FOUND",
			`3 error element API_SERVER_ERROR: {\"detail\":\"UpdateHITLDetail\",\"message\":\"Unhandled request\",\"status_code\":400}`,
		}},
		"empty frame":        {[]string{"up_for_retry"}, []string{"protocol error", "frame without payload", "none of its processes is left"}},
		"no MessagePack":     {[]string{"up_for_retry"}, []string{"protocol error", "malformed"}},
		"no array":           {[]string{"up_for_retry"}, []string{"protocol error", "expected array"}},
		"text id":            {[]string{"up_for_retry"}, []string{"protocol error", "id"}},
		"huge frame":         {[]string{"up_for_retry"}, []string{"protocol error", "payload of 4294967295 bytes announced, 67108864 permitted"}},
		"half frame":         {[]string{"failed"}, []string{"1 of 9 bytes", "exit code 0"}},
		"unread answer":      {[]string{"success"}, []string{"exit code 0"}},
		"closed channel":     {[]string{"up_for_retry"}, []string{"exit code 4"}},
		"skipped, exit 3":    {[]string{"skipped"}, []string{"exit code 3"}},
		"success, exit 3":    {[]string{"success"}, []string{"exit code 3"}},
		"success, hangs":     {[]string{"success"}, []string{"it reported success 500ms ago and did not end", "SIGKILL"}},
		"skipped, hangs":     {[]string{"skipped"}, []string{"it reported skipped"}},
		"rescheduled, hangs": {[]string{"up_for_reschedule"}, []string{"it reported up_for_reschedule"}},
		"many channels":      {[]string{"success"}, []string{"given 16", "on channel 16"}},
		"odd log lines": {[]string{"success"}, []string{
			`"level":"info","event":"{}","logger":"task"`, `"event":"1"`, `"event":"[1]"`, `"event":"{\"level\":\"weird\",\"event\":\"e\"}"`,
			`\"timestamp\":\"yesterday\"}"`, `"event":"not json"`, "\"event\":\"\uFFFD\"", `"event":"no time"`, `"event":"{\"level\":\"info\",\"event\":\"un"`}},
		"flood":       {[]string{"success"}, nil},
		"secret late": {[]string{"success"}, []string{`"event":"stdout ***","logger":"task.stdout"`, `"level":"error","event":"stderr ***","logger":"task.stderr"`}},
	} {
		t.Run(act, func(t *testing.T) {
			s := puppetSite(t, act)
			s.api.shouldRetry = true
			begin := time.Now()
			code := s.run("probe")
			if code != 0 || time.Since(begin) > patience.Limit {
				t.Errorf("exit code %d after %v", code, time.Since(begin))
			}
			s.want(want.states...)
			for _, text := range want.log {
				if !strings.Contains(s.log(), text) {
					t.Errorf("log lacks %s:\n%s", text, s.log())
				}
			}
			s.records()
		})
	}
}

func TestHeartbeatsEndWithTheState(t *testing.T) {
	s := puppetSite(t, "success, hangs")
	s.env = append(s.env, "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=0.05")
	s.run("probe")
	state := s.api.all(http.MethodPatch, "/state")
	beats := s.api.all(http.MethodPut, "/heartbeat")
	if len(state) != 1 || len(beats) == 0 || beats[len(beats)-1].At.After(state[0].At) {
		t.Errorf("%d states, %d heartbeats, the last after the state", len(state), len(beats))
	}
}

func TestRequestsOfAStoppedTaskReachNobody(t *testing.T) {
	s := puppetSite(t, "works on")
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/heartbeat") && n > 1 {
			return 409, `{"detail":{"reason":"running_elsewhere"}}`
		}
		return 0, ""
	}
	s.run("probe")
	s.want()
	beats := s.api.all(http.MethodPut, "/heartbeat")
	last := beats[len(beats)-1].At
	xcoms := s.api.all(http.MethodPost, "")
	late := slices.DeleteFunc(slices.Clone(xcoms), func(r apiRequest) bool { return r.At.Before(last.Add(100 * time.Millisecond)) })
	if len(xcoms) == 0 || len(late) > 0 {
		t.Errorf("%d requests in all, %d after the task was stopped", len(xcoms), len(late))
	}
}

func TestLongLineDoesNotFillMemory(t *testing.T) {
	s := puppetSite(t, "long line")
	peak := s.peakAtState()
	s.run("probe")
	s.want("success")
	if kib := peak(); kib > 64<<10 {
		t.Errorf("the supervisor took %d KiB", kib)
	}
	total := 0
	for _, record := range s.records() {
		if record["logger"] == "task.stdout" {
			text, _, _ := strings.Cut(record["event"].(string), " [line of more than ")
			total += len(text)
		}
	}
	if total != 50<<20 {
		t.Errorf("%d bytes of the line arrived, want %d", total, 50<<20)
	}
}

func TestHugeFrameCostsNoMemory(t *testing.T) {
	s := puppetSite(t, "huge frame")
	peak := s.peakAtState()
	s.run("probe")
	if kib := peak(); kib > 64<<10 {
		t.Errorf("the supervisor took %d KiB", kib)
	}
}

// peakAtState lets the largest memory of the supervisor, in KiB, be known that it
// had when it reported a state. What wait4 says includes the test's own.
func (s *site) peakAtState() func() int {
	var peak atomic.Int64
	s.api.fault = func(method, path string, n int) (int, string) {
		if strings.HasSuffix(path, "/state") {
			peak.Store(int64(peakOf(s.t, "understudy-supe", s.dir)))
		}
		return 0, ""
	}
	return func() int {
		if peak.Load() == 0 {
			s.t.Error("the supervisor was not seen")
		}
		return int(peak.Load())
	}
}

// peakOf finds the process of that name with the given text in its command line.
func peakOf(t *testing.T, name, argument string) int {
	pids, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Error(err)
	}
	for _, dir := range pids {
		command, _ := os.ReadFile(dir + "/cmdline")
		status, _ := os.ReadFile(dir + "/status")
		if !bytes.HasPrefix(status, []byte("Name:\t"+name)) || !bytes.Contains(command, []byte(argument)) {
			continue
		}
		kib, err := peakIn(status)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		return kib
	}
	return 0
}

// peakIn reads the largest memory that a process ever had, in KiB, from its status.
func peakIn(status []byte) (kib int, err error) {
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &kib)
	return kib, err
}
