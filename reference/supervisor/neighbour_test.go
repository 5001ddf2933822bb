package supervisor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// hostileSite is a site where the tasks of alice are a puppet's and those of all
// others the runner's.
func hostileSite(t *testing.T, act string) *site {
	s := newSite(t)
	program := filepath.Join(s.dir, "puppet")
	copyProgram(t, program) // where alice can execute it
	script := filepath.Join(s.dir, "runner")
	text := fmt.Sprintf("#!/bin/sh\nif [ $(id -u) = %d ]; then GORACE=atexit_sleep_ms=0 PUPPET='%s' exec %s; fi\nexec %s\n",
		aliceUID, act, program, filepath.Join(s.bin, "understudy-runner"))
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s.argv = []string{"--runner", script}
	s.env = append(s.env, "AIRFLOW__UNDERSTUDY__KILL_STEP=0.3", "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=0.1")
	return s
}

func copyProgram(t *testing.T, path string) {
	t.Helper()
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// TestHostileTaskTakesNoMoreThanItsShare runs tasks of bob beside one of alice that
// does its worst. The processor has to be shared with it, so they may take longer,
// but not without bound; memory of the server has a bound as well.
func TestHostileTaskTakesNoMoreThanItsShare(t *testing.T) {
	for _, act := range []string{"frames without end", "logs without end"} {
		t.Run(act, func(t *testing.T) {
			s := hostileSite(t, act)
			v := s.serve()
			var stop atomic.Bool
			v.api.fault = func(_, path string, _ int) (int, string) {
				if stop.Load() && strings.HasSuffix(path, ti(0)+"/heartbeat") {
					return 409, `{"detail":{"reason":"not_running"}}`
				}
				return 0, ""
			}
			const count = 15
			tasks := func(first int) time.Duration {
				var took []time.Duration
				for n := range count {
					begin := time.Now()
					o, err := v.submit(first+n, "probe_bob", verb{"do": "push_xcom", "key": "k", "value": n}, verb{"do": "log", "message": "line", "count": 10})
					if err != nil || o.State != "success" {
						t.Errorf("task of bob: %v, %v", o, err)
					}
					took = append(took, time.Since(begin))
				}
				slices.Sort(took)
				return took[count/2]
			}
			alone := tasks(100)
			v.api.mu.Lock()
			v.api.forget = true
			v.api.mu.Unlock()
			hostile := v.begin(0, "probe_alice")
			v.waitUntil("the hostile task runs", func() bool { return len(processesOf(aliceUID)) > 0 })
			beside := tasks(200)
			if beside > 10*alone+time.Second {
				t.Errorf("a task takes %v beside the hostile one, %v alone", beside, alone)
			}
			stop.Store(true)
			select {
			case got := <-hostile:
				t.Logf("alone %v, beside %v; the hostile task: %s", alone, beside, got)
			case <-time.After(patience.Limit):
				t.Error("the hostile task does not end")
			}
			if kib := peakOf(t, "understudy-supe", v.socket); kib > 96<<10 {
				t.Errorf("the server took %d KiB", kib)
			}
			if left := processesOf(aliceUID); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
