package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestATaskWhoseLogIsAFIFOHoldsUpNothing: three of them kept their slots once, and
// the server from its end.
func TestATaskWhoseLogIsAFIFOHoldsUpNothing(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(filepath.Join(s.dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	v := s.serve() // its end is asked for, and waited for, after the test
	for n := range 3 {
		fifo := filepath.Join(s.dir, "logs", ti(n)+".log")
		if err := syscall.Mkfifo(fifo, 0o666); err != nil {
			t.Fatal(err)
		}
		o, err := v.submit(n, "probe")
		if err == nil || o.State != "failed" || !strings.Contains(err.Error(), fifo+" is a FIFO") {
			t.Errorf("outcome %+v (%v)", o, err)
		}
		v.waitUntil("the server names the FIFO", func() bool { return strings.Contains(v.stderr.String(), fifo) }) // a pipe lies between
	}
	if o, err := v.submit(3, "probe"); err != nil || o.State != "success" {
		t.Errorf("a task with a log: outcome %+v (%v)", o, err)
	}
}

func TestRunTellsTheServerAndTheCallerOfALogThatIsRefused(t *testing.T) {
	s := newSite(t)
	log := filepath.Join(s.dir, "logs", "task.log")
	if err := errors.Join(os.MkdirAll(filepath.Dir(log), 0o755), syscall.Mkfifo(log, 0o666)); err != nil {
		t.Fatal(err)
	}
	r := s.start("probe")
	if code := s.finish(r); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(r.stderr.String(), log+" is a FIFO") {
		t.Errorf("stderr: %s", r.stderr)
	}
	if states := s.api.states(); !slices.Equal(states, []string{"failed"}) {
		t.Errorf("states: %v", states)
	}
}
