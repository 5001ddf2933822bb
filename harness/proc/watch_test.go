package proc

import (
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

func TestTheWatchSeesDescendantsAndOrphans(t *testing.T) {
	noticed := map[string]int{}
	w, err := NewWatch(map[int]string{os.Getuid(): "me"}, func(_ string, p Process) { noticed[p.Command]++ })
	if err != nil {
		t.Fatal(err)
	}
	defer w.End()
	_, before := startChild(t, ":", nil) // a helper of this process, started during the case
	const r = "r"
	// A child, a grandchild, and a daemon in a session of its own whose parent is gone.
	_, first := startChild(t, "sleep 61 & (sleep 62 & sleep 63) & setsid sh -c 'sleep 64 & exec sleep 0' ", &syscall.SysProcAttr{Setpgid: true})
	w.Add(r, first)
	want := map[string]bool{"sleep 61": true, "sleep 62": true, "sleep 63": true, "sleep 64": true}
	deadline := time.Now().Add(patience.Limit)
	for len(want) > 0 && time.Now().Before(deadline) {
		w.Poll()
		for _, p := range w.Of(r) {
			delete(want, p.Command)
		}
	}
	t.Cleanup(func() {
		for _, p := range w.Of(r) {
			_ = p.Signal(unix.SIGKILL)
		}
	})
	if len(want) > 0 {
		t.Errorf("not seen: %v; seen: %v", want, w.Of(r))
	}
	for _, p := range w.Of(r) {
		if p.PID == before.PID {
			t.Error("a helper of who watches counts as a process of the run")
		}
	}
	w.mu.Lock()
	if noticed["sleep 61"] == 0 {
		t.Errorf("noticed: %v", noticed)
	}
	w.mu.Unlock()
	if len(w.Of(r)) > 0 && w.Of(r)[0].PID != first.PID {
		t.Errorf("the oldest process is %v", w.Of(r)[0])
	}
}
