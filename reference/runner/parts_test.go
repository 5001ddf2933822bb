package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/config"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

func someDetails(t testing.TB) *message.StartupDetails {
	t.Helper()
	conf, err := message.RawOf(map[string]any{"verbs": []any{map[string]any{"do": "setting", "section": "s", "key": "k"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &message.StartupDetails{
		TI:         message.TaskInstance{ID: "i", TaskID: "t", DagID: "d", RunID: "r", TryNumber: 1, DagVersionID: "v"},
		DagRelPath: "probe.yaml",
		TIContext:  message.TIRunContext{DagRun: message.DagRun{DagID: "d", RunID: "r", RunType: message.RunManual, State: message.RunRunning, Conf: conf}},
	}
}

func TestStartupCarriesWhatIsHandedOver(t *testing.T) {
	for _, handed := range []*Handed{
		nil,
		{},
		{Settings: map[string]string{"core.x": "ü\n", "a.b.c": ""}, Environment: map[string]string{"TZ": "UTC"}, Switched: true},
		{Switched: true, Target: &impersonate.Account{Name: "alice", UID: 61002, GID: 61003, Groups: []int{61003, 61100}, Home: "/h", Shell: "/s"}, Bundle: "/srv/dags"},
	} {
		payload, err := EncodeStartup(someDetails(t), handed)
		if err != nil {
			t.Fatal(err)
		}
		details, got, err := decodeStartup(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(handed, got); diff != "" {
			t.Errorf("handed over (-want +got):\n%s", diff)
		}
		if details.TI.TaskID != "t" || !bytes.Equal(details.TIContext.DagRun.Conf, someDetails(t).TIContext.DagRun.Conf) {
			t.Errorf("details changed: %+v", details)
		}
		// Whoever does not know the key has to be able to read the frame.
		if _, err := message.DecodeResponse(payload); err != nil {
			t.Errorf("a runner that does not know the key: %v", err)
		}
	}
}

func TestWhatIsHandedOverIsChecked(t *testing.T) {
	for name, value := range map[string]any{
		"no map":              "text",
		"settings no map":     map[string]any{"settings": 1},
		"setting no text":     map[string]any{"settings": map[string]any{"a.b": 1}},
		"environment no text": map[string]any{"environment": map[string]any{"A": []any{}}},
		"switched no bool":    map[string]any{"switched": "yes"},
		"target no map":       map[string]any{"target": true},
		"name no text":        map[string]any{"target": map[string]any{"name": 1}},
		"uid no number":       map[string]any{"target": map[string]any{"uid": "0"}},
		"groups no list":      map[string]any{"target": map[string]any{"groups": 1}},
		"bundle no text":      map[string]any{"bundle": 1},
		"group no number":     map[string]any{"target": map[string]any{"groups": []any{"root"}}},
	} {
		if h, err := decodeHanded(mustRaw(t, value)); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func FuzzDecodeStartup(f *testing.F) {
	for _, handed := range []*Handed{nil, {Settings: map[string]string{"a.b": "c"}, Switched: true}} {
		payload, err := EncodeStartup(someDetails(f), handed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte("\x93\x00\x81\xaaunderstudy\x01\xc0"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		details, _, err := decodeStartup(payload)
		if (details == nil) == (err == nil) {
			t.Fatalf("details %v with error %v", details, err)
		}
	})
}

// TestHandoverArrives sends 20 MiB through a socket pair of which only one end is
// left, and gets the channel back.
func TestHandoverArrives(t *testing.T) {
	write, read := pipes(t, 1)
	want := Handover{
		Target:      impersonate.Account{Name: "alice", UID: 61002, GID: 61002, Groups: []int{61002}, Home: "/h", Shell: "/s"},
		Settings:    map[string]string{"core.x": "y"},
		Environment: []string{"A=b"},
		Payload:     bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16),
	}
	offered, err := want.offer(write[0])
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(write[0])
	got, err := accept(offered)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Payload, want.Payload) { // cmp.Diff would take minutes for 20 MiB
		t.Errorf("payload of %d bytes is not the one of %d bytes that was sent", len(got.Payload), len(want.Payload))
	}
	got.Payload, want.Payload = nil, nil
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := unix.Write(offered, []byte("to the channel")); err != nil {
		t.Error(err)
	}
	unix.Close(offered)
	if got := read(0); got != "to the channel" {
		t.Errorf("the channel got %q", got)
	}
}

func TestWhatIsNoHandoverIsRefused(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(fds[:])
	if _, err := accept(fds[1]); !errors.Is(err, errNoHandover) {
		t.Errorf("nothing queued: %v", err)
	}
	for name, text := range map[string]string{"another message": "GET / HTTP/1.1", "longer": handoverMark + "x"} {
		if _, err := unix.Write(fds[0], []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := accept(fds[1]); !errors.Is(err, errNoHandover) {
			t.Errorf("%s: %v", name, err)
		}
		unix.Recvmsg(fds[1], make([]byte, 100), nil, unix.MSG_DONTWAIT)
	}
	if _, err := unix.Write(fds[0], []byte(handoverMark)); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(fds[1]); err == nil || !strings.Contains(err.Error(), "0 descriptors") {
		t.Errorf("no descriptors: %v", err)
	}
	memory, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memory)
	for _, text := range []string{"short", "\xff\xff\xff\xff\xff\xff\xff\xff{}", "\x00\x00\x00\x00\x00\x00\x00\x02no"} {
		if err := unix.Ftruncate(memory, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Pwrite(memory, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
		if h, err := readHandover(memory); err == nil {
			t.Errorf("%q was read as %+v", text, h)
		}
	}
}

func TestVerifyComparesNumbers(t *testing.T) {
	groups, err := unix.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	own := impersonate.Account{Name: "me", UID: os.Getuid(), GID: os.Getgid(), Groups: append(groups, os.Getgid())}
	if err := verify(own); err != nil {
		t.Errorf("own identity: %v", err)
	}
	other := own
	other.UID++
	if err := verify(other); err == nil || !strings.Contains(err.Error(), "me") {
		t.Errorf("another uid: %v", err)
	}
	other = own
	other.GID++
	if err := verify(other); err == nil {
		t.Error("another gid passed")
	}
	if len(groups) > 0 {
		other = own
		other.Groups = nil
		if err := verify(other); err == nil || !strings.Contains(err.Error(), "group") {
			t.Errorf("a group too many: %v", err)
		}
	}
}

func TestPanicIsAFailure(t *testing.T) {
	var log bytes.Buffer
	s := &execution{details: someDetails(t), log: slog.New(slog.NewJSONHandler(&log, nil)), bodies: &registry{}, config: config.FromSettings(nil)}
	s.bodies.add("t", func(context.Context, *Task) error { panic("at the disco") })
	if err := s.userCode(t.Context()); err == nil || !strings.Contains(err.Error(), "panic: at the disco") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "userCode") {
		t.Errorf("the log has no stack: %s", &log)
	}
}

func TestKill(t *testing.T) {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(child.Process.Pid)
	defer child.Process.Kill()
	for _, bad := range []string{"0", "1", "-1", "-" + pid, "x", ""} {
		if err := Kill("KILL", []string{pid, bad}); err == nil {
			t.Errorf("%q was taken for a pid", bad)
		}
	}
	for _, bad := range []string{"", "NONE", "SIG", "-9", "999"} {
		if err := Kill(bad, []string{pid}); err == nil {
			t.Errorf("%q was taken for a signal", bad)
		}
	}
	if err := child.Process.Signal(unix.Signal(0)); err != nil {
		t.Fatalf("a refused call has signalled: %v", err)
	}
	if err := Kill("term", []string{pid}); err != nil {
		t.Error(err)
	}
	child.Wait()
	status, ok := child.ProcessState.Sys().(interface{ Signal() unix.Signal })
	if !ok || status.Signal() != unix.SIGTERM {
		t.Errorf("ended with %v", child.ProcessState)
	}
	if err := Kill("9", []string{pid}); err != nil {
		t.Errorf("a process that is gone: %v", err)
	}
}
