package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/supervisor/family"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

// holdings counts what this process has.
func holdings(t *testing.T, dir string) map[string]int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	below, err := descent.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	below = slices.DeleteFunc(below, func(p descent.Process) bool { return p.Name == "understudy-keep" })
	files := 0
	_ = filepath.WalkDir(dir, func(string, os.DirEntry, error) error { files++; return nil })
	return map[string]int{"descriptors": len(fds), "goroutines": runtime.NumGoroutine(), "processes": len(below), "files": files}
}

func waitFor(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience.Limit); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience.Limit, what)
		}
	}
}

// TestThousandTasksLeaveNothing runs tasks as a server does, one after the other
// and some at once, within this process, so that its goroutines can be counted.
func TestThousandTasksLeaveNothing(t *testing.T) {
	s := newSite(t)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	p := family.NewPool(filepath.Join(s.bin, "understudy-keeper"), os.Stderr)
	defer p.Close()
	settings, err := LoadSettings(s.env)
	if err != nil {
		t.Fatal(err)
	}
	v := &service{
		shared: newShared(t.Context(), Programs{Runner: filepath.Join(s.bin, "understudy-runner")}, s.env, settings, p),
		stderr: os.Stderr, allowed: map[int]bool{os.Geteuid(): true},
		slots: make(chan struct{}, 8), hellos: make(chan struct{}, 16), ending: make(chan struct{}),
	}
	path := filepath.Join(s.dir, "socket")
	listener, _, err := submit.Listen(path, false)
	if err != nil {
		t.Fatal(err)
	}
	go v.accept(listener)
	defer listener.Close()
	s.api.conf = map[string]any{"verbs": []verb{}, "barrier_dir": s.dir}
	s.api.forget = true
	round := func(count int) {
		const atOnce = 4
		failures := make(chan error, atOnce)
		for range atOnce {
			go func() {
				for range count / atOnce {
					if o, err := submit.Task(t.Context(), path, s.workload(tiID, "probe"), true); err != nil || o.State != "success" {
						failures <- fmt.Errorf("%v, %w", o, err)
						return
					}
				}
				failures <- nil
			}()
		}
		for range atOnce {
			if err := <-failures; err != nil {
				t.Fatal(err)
			}
		}
		v.shared.transport.CloseIdleConnections()
		s.api.CloseClientConnections()
	}
	round(20)
	var before map[string]int
	settled := func() bool { // connections take a moment to close
		now := holdings(t, s.dir)
		same := fmt.Sprint(now) == fmt.Sprint(before)
		before = now
		return same
	}
	waitFor(t, "the first tasks have gone", settled)
	first := before
	round(1000)
	waitFor(t, "the tasks have gone", func() bool {
		now := holdings(t, s.dir)
		for what, n := range now {
			if n > first[what] {
				before = now
				return false
			}
		}
		return true
	})
	t.Logf("before %v, after 1000 tasks %v", first, holdings(t, s.dir))
}
