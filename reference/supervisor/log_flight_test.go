package supervisor

import (
	"bufio"
	"bytes"
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
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// TestWhatIsInFlightAtTheEndIsNotLost: a task log that takes nothing keeps the
// supervisor from reading, so that the last lines of the task lie in its sockets
// when it is gone.
func TestWhatIsInFlightAtTheEndIsNotLost(t *testing.T) {
	const lines = 150 // what a socket takes, each in a write of its own
	for name, end := range map[string]verb{
		"exit":    {"do": "exit", "code": 3},
		"SIGKILL": {"do": "signal_self", "signal": "SIGKILL"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			gate := openFIFO(t, filepath.Join(s.dir, "go"))
			log := openFIFO(t, filepath.Join(s.dir, "logs", "task.log"))
			r := s.start("probe_alice", verb{"do": "log", "message": "the channel is there"}, verb{"do": "wait_for", "name": "go"},
				verb{"do": "log", "message": "line", "count": lines},
				verb{"do": "log", "message": "line", "count": lines, "channel": "stdout"},
				verb{"do": "log", "message": "line", "count": lines, "channel": "stderr"}, end)
			s.waitFor(http.MethodPost, "/at_go", 1)
			pid := int(s.api.all(http.MethodPatch, "/run")[0].Body["pid"].(float64))
			fill(t, log)
			if _, err := gate.WriteString("x"); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(patience.Limit); !errors.Is(unix.Kill(pid, 0), unix.ESRCH); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the task does not end")
				}
			}
			next, wrong := map[string]int{}, make(chan error, 1)
			go func() { wrong <- count(log, next) }()
			if code := s.finish(r); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if _, err := log.WriteString(endOfLog + "\n"); err != nil {
				t.Fatal(err)
			}
			if err := <-wrong; err != nil {
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

// endOfLog is what the test itself writes behind everything.
const endOfLog = "end of log"

// count counts the numbered lines of each logger.
func count(log io.Reader, next map[string]int) error {
	lines := bufio.NewScanner(log)
	for lines.Scan() && lines.Text() != endOfLog {
		var record struct{ Event, Logger string }
		_ = json.Unmarshal(lines.Bytes(), &record) // the filling is no record
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

// fill writes until the FIFO takes no byte more.
func fill(t *testing.T, fifo *os.File) {
	t.Helper()
	raw, err := fifo.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, size := range []int{4096, 1} {
			for err := error(nil); err == nil; {
				_, err = unix.Write(int(fd), bytes.Repeat([]byte("\n"), size))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
