package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// TestWhatIsInFlightAtTheEndIsNotLost stops the supervisor before the last lines of the task, so that they lie in
// its sockets when the task is gone.
func TestWhatIsInFlightAtTheEndIsNotLost(t *testing.T) {
	const lines = 150 // what a socket takes, each in a write of its own
	for name, end := range map[string]verb{
		"exit":    {"do": "exit", "code": 3},
		"SIGKILL": {"do": "signal_self", "signal": "SIGKILL"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			gate := openFIFO(t, filepath.Join(s.dir, "go"))
			// No wait_for: it asks for something, and a supervisor that is stopped before it answers holds the task up.
			r := s.start("probe_alice", verb{"do": "log", "message": "the channel is there"}, verb{"do": "read_file", "path": gate.Name()},
				verb{"do": "log", "message": "line", "count": lines},
				verb{"do": "log", "message": "line", "count": lines, "channel": "stdout"},
				verb{"do": "log", "message": "line", "count": lines, "channel": "stderr"}, end)
			s.waitFor(http.MethodPatch, "/run", 1)
			pid := int(s.api.all(http.MethodPatch, "/run")[0].Body["pid"].(float64))
			waitFor(t, "the task comes to the FIFO", func() bool { return reads(aliceUID, gate.Name()) })
			if err := r.cmd.Process.Signal(unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.cmd.Process.Signal(unix.SIGCONT) }() // it may have ended
			if err := gate.Close(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the task ends", func() bool { return over(pid) })
			if err := r.cmd.Process.Signal(unix.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if code := s.finish(r); code != 0 {
				t.Errorf("exit code %d", code)
			}
			next := map[string]int{}
			if err := count(strings.NewReader(s.log()), next); err != nil {
				t.Error(err)
			}
			if len(next) != 3 {
				t.Errorf("lines came from %v, want three channels", next)
			}
			for logger, n := range next {
				if n != lines {
					t.Errorf("%q: %d lines of %d", logger, n, lines)
				}
			}
			if got := s.api.states(); !slices.Equal(got, []string{"failed"}) {
				t.Errorf("states %v", got)
			}
		})
	}
}

// reads says whether a process of the user has the file open.
func reads(uid int, path string) bool {
	all, err := descent.Of(0)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all, func(p descent.Process) bool {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.PID)) // the pattern is right
		return p.UID == uid && slices.ContainsFunc(links, func(link string) bool {
			to, err := os.Readlink(link)
			return err == nil && to == path
		})
	})
}

// over says that a process has ended, waited for or not.
func over(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}

// count counts the numbered lines of each logger.
func count(log io.Reader, next map[string]int) error {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var record struct{ Event, Logger string }
		_ = json.Unmarshal(lines.Bytes(), &record) // what is no record has no event
		if number, ours := strings.CutPrefix(record.Event, "line "); ours {
			if number != strconv.Itoa(next[record.Logger]) {
				return fmt.Errorf("%q: line %s, want %d", record.Logger, number, next[record.Logger])
			}
			next[record.Logger]++
		}
	}
	return lines.Err()
}

// openFIFO makes a FIFO and holds it open, so that nobody waits for the other end.
func openFIFO(t *testing.T, path string) *os.File {
	t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), syscall.Mkfifo(path, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fifo.Close() })
	return fifo
}
