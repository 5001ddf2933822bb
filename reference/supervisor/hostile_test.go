package supervisor

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// hostile are acts of a puppet that means harm. Each begins with reached.
var hostile = map[string]func(a *actor) int{
	"random bytes": func(a *actor) int {
		a.reached()
		b := must(random(64 << 10))
		b[0] |= 0x80 // one time in 64 they would announce a frame that may come yet
		return a.bytes(b)
	},
	"random payloads": func(a *actor) int {
		a.reached()
		var b []byte
		for range 1000 {
			b = frame.Append(b, must(random(500)))
		}
		return a.bytes(b)
	},
	"zero lengths": func(a *actor) int {
		a.reached()
		return a.bytes(make([]byte, 1<<20))
	},
	"4 GiB announced": func(a *actor) int {
		a.reached()
		return a.bytes([]byte{0xff, 0xff, 0xff, 0xff, 0x93})
	},
	"64 MiB announced, 1 MiB sent": func(a *actor) int {
		a.reached()
		_, _ = a.conn.Write(append(binary.BigEndian.AppendUint32(nil, 64<<20), make([]byte, 1<<20)...))
		return hang()
	},
	"half a frame": func(a *actor) int {
		a.reached()
		_, _ = a.conn.Write([]byte{0, 0, 1, 0, 0x93, 1})
		return hang()
	},
	"100,000 requests": func(a *actor) int {
		a.reached()
		return a.flood(&message.MaskSecret{}, 100_000)
	},
	"100,000 requests, no answer read": func(a *actor) int {
		a.reached()
		payload := must(message.EncodeRequest(message.Request{ID: 1, Body: &message.GetVariable{Key: "absent"}}))
		for range 100_000 {
			if _, err := a.conn.Write(frame.Append(nil, payload)); err != nil {
				break
			}
		}
		return hang()
	},
	"100,000 log channels": func(a *actor) int {
		a.reached()
		return a.flood(&message.ResendLoggingFD{}, 100_000)
	},
	"garbage in all logs": func(a *actor) int {
		f := a.log()
		a.reached()
		chunk := must(random(1 << 20))
		for range 8 {
			for _, w := range []io.Writer{f, os.Stdout, os.Stderr} {
				_, _ = w.Write(chunk)
			}
		}
		f.Close()
		return a.succeed()
	},
	"a secret before each line": func(a *actor) int {
		a.reached()
		for i := range 1000 {
			a.ask(&message.MaskSecret{Value: must(message.RawOf(fmt.Sprintf("secret number %d", i)))})
			fmt.Printf("line with secret number %d.\n", i)
		}
		return a.succeed()
	},
	"stopped": func(a *actor) int {
		a.reached()
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		return hang()
	},
	"forks in a loop": func(a *actor) int {
		daemon := exec.Command("/usr/bin/perl", "-e", "use POSIX; for (1..1_000_000) { exit if fork; POSIX::setsid() }")
		_ = daemon.Run()
		a.reached()
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		return 0
	},
	"children without end": func(a *actor) int {
		children := exec.Command("/usr/bin/perl", "-e", "$SIG{CHLD} = 'IGNORE'; for (1..1_000_000) { fork or exit }")
		_ = children.Start()
		a.reached()
		return hang()
	},
}

// reached tells the test that the harm begins now.
func (a *actor) reached() {
	a.ask(&message.SetXCom{Key: "reached", DagID: "probe", RunID: "r1", TaskID: "probe_alice"})
}

func random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := rand.Read(b)
	return b, err
}

// flood sends a request many times over and reads all answers, and the
// descriptors that come with them.
func (a *actor) flood(body message.Body, n int64) int {
	go func() {
		for range n {
			if _, err := a.Send(body); err != nil {
				return
			}
		}
	}()
	first := must(a.Receive()).ID
	for id := first + 1; id < first+n; id++ {
		if r := must(a.Receive()); r.ID != id {
			fmt.Printf("answer %d, want %d\n", r.ID, id)
			return 96
		}
	}
	return a.succeed()
}

// memoryCap is how much memory, in KiB, a server may take for a hostile task and a
// harmless one.
const memoryCap = 96 << 10

// TestHostileTasks runs each act as a task of alice, and beside it, in the same
// server, a task of bob.
func TestHostileTasks(t *testing.T) {
	const stopped = "" // by the server: no state is reported
	for act, want := range map[string]struct{ state, log string }{
		"random bytes":                     {"failed", "protocol error"},
		"random payloads":                  {"failed", "protocol error"},
		"zero lengths":                     {"failed", "frame without payload"},
		"4 GiB announced":                  {"failed", "payload of 4294967295 bytes announced"},
		"64 MiB announced, 1 MiB sent":     {stopped, "none of its processes is left"},
		"half a frame":                     {stopped, "none of its processes is left"},
		"100,000 requests":                 {"success", "exit code 0"},
		"100,000 requests, no answer read": {stopped, "none of its processes is left"},
		"100,000 log channels":             {"success", "exit code 0"},
		"garbage in all logs":              {"success", "exit code 0"},
		"a secret before each line":        {"success", "line with ***."},
		"stopped":                          {stopped, "none of its processes is left"},
		"forks in a loop":                  {"failed", "SIGKILL"},
		"children without end":             {stopped, "none of its processes is left"},
	} {
		t.Run(act, func(t *testing.T) {
			v := hostileSite(t, act).serve()
			var doomed atomic.Bool
			v.api.fault = func(_, path string, _ int) (int, string) {
				if doomed.Load() && strings.HasSuffix(path, ti(1)+"/heartbeat") {
					return http.StatusConflict, `{"detail":{"reason":"not_running"}}`
				}
				return 0, ""
			}
			alone, err := v.neighbour(2)
			if err != nil {
				t.Fatal(err)
			}
			done := v.begin(1, "probe_alice")
			v.waitFor(http.MethodPost, "/reached", 1)
			beside, err := v.neighbour(3)
			if err != nil {
				t.Error(err)
			}
			if beside > 10*alone+30*time.Second {
				t.Errorf("the task beside it took %v, alone %v", beside, alone)
			}
			doomed.Store(want.state == stopped)
			if got := <-done; got != want.state+" <nil>" {
				t.Errorf("ended as %q", got)
			}
			states := slices.DeleteFunc([]string{want.state}, func(s string) bool { return s == stopped })
			if got := v.statesOf(1); !slices.Equal(got, states) {
				t.Errorf("states %v, want %v", got, states)
			}
			if text := v.logOf(1); !strings.Contains(text, want.log) {
				t.Errorf("the log lacks %q:\n%.3000s", want.log, text)
			}
			if left := processesOf(aliceUID); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			peak := peakOfProcess(t, v.cmd.Process.Pid)
			if peak > memoryCap {
				t.Errorf("the server took %d KiB", peak)
			}
			t.Logf("neighbour %v alone, %v beside it; server at most %d KiB", alone.Round(time.Millisecond), beside.Round(time.Millisecond), peak)
		})
	}
}

// neighbour runs a harmless task of bob and says how long it took.
func (v *serving) neighbour(n int) (time.Duration, error) {
	begin := time.Now()
	var verbs []verb
	for range 100 {
		verbs = append(verbs, verb{"do": "push_xcom", "key": "k", "value": 1}, verb{"do": "log", "message": "a line"})
	}
	outcome, err := v.submit(n, "probe_bob", verbs...)
	if err == nil && outcome.State != "success" {
		err = fmt.Errorf("the harmless task ended as %q: %s", outcome.State, v.logOf(n))
	}
	return time.Since(begin), err
}

// peakOfProcess is the largest memory that a process ever had, in KiB.
func peakOfProcess(t *testing.T, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err == nil {
		kib, err = peakIn(status)
	}
	if err != nil {
		t.Error(err)
	}
	return kib
}
