package proc

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

func TestTheWatchSeesDescendantsAndOrphans(t *testing.T) {
	noticed := map[int]int{} // by process id: what it executes, it may not do yet
	w, err := NewWatch(map[int]string{os.Getuid(): "me"}, func(_ string, p Process) { noticed[p.PID]++ })
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
	for _, p := range w.Of(r) {
		w.mu.Lock()
		if n := noticed[p.PID]; n != 1 {
			t.Errorf("%v was noticed %d times", p, n)
		}
		w.mu.Unlock()
	}
	if len(w.Of(r)) > 0 && w.Of(r)[0].PID != first.PID {
		t.Errorf("the oldest process is %v", w.Of(r)[0])
	}
}

// TestAProcessBelowAServerIsClaimedForARun: the server, a run itself, has a child that
// serves one run after the other, and another that serves a run at the same time.
func TestAProcessBelowAServerIsClaimedForARun(t *testing.T) {
	process := func(pid, ppid int, start uint64) Process { return Process{PID: pid, PPID: ppid, Start: start} }
	w := &Watch[string]{notice: func(string, Process) {}, seen: map[identity]*sighting[string]{}}
	see := func(run string, processes ...Process) {
		for _, p := range processes {
			w.seen[p.identity()] = &sighting[string]{process: p, run: run}
		}
	}
	is := func(run string, want ...int) {
		t.Helper()
		var got []int
		for _, p := range w.Of(run) {
			got = append(got, p.PID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", run, got, want)
		}
	}
	server, first := process(10, 1, 10), process(20, 1, 20)
	w.Add("server", server)
	keeper, other := process(11, 10, 11), process(12, 10, 12)
	see("server", keeper, other, process(13, 11, 15)) // which served somebody before
	w.Add("first", first)
	task := process(23, 22, 23)
	see("server", process(21, 11, 21), process(22, 11, 22), task, process(24, 22, 24), process(25, 12, 25))
	w.Claim("first", task)
	is("first", 11, 20, 21, 22, 23, 24)
	is("server", 10, 12, 13, 25)

	w.Add("second", process(30, 1, 30))
	next := process(31, 11, 31)
	see("first", next) // as a child of what was claimed for the first
	w.Claim("second", next)
	is("second", 11, 30, 31)
	is("first", 20, 21, 22, 23, 24)

	reused := process(20, 11, 40) // an id of a process that is gone
	see("second", reused)
	w.Claim("first", reused)
	is("first", 11, 20, 21, 22, 23, 24, 20)
	see("second", process(22, 31, 50)) // after the parent of the task of the first was gone
	w.Claim("first", task)
	is("second", 30, 31, 22)
	w.Claim("first", process(99, 1, 99)) // nobody has seen it
	w.Claim("first", server)
	is("server", 10, 12, 13, 25)
}
