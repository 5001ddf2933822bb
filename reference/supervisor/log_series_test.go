//go:build sudo

package supervisor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// lastLines is how many lines a task writes on each channel just before its end.
const lastLines = 50_000

// logChannels are the channels of a task: what the probe calls them, and the
// logger that the task log names for them.
var logChannels = map[string]string{"log": "task", "stdout": "task.stdout", "stderr": "task.stderr"}

// TestSeriesLog is the promise that nothing which a task wrote before its end is
// lost, however sudden the end is: each line is there, once, in its place.
func TestSeriesLog(t *testing.T) {
	for name, end := range map[string]verb{
		"_exit":   {"do": "exit", "code": 0},
		"SIGKILL": {"do": "signal_self", "signal": "SIGKILL"},
	} {
		for _, s := range setups {
			full := 50
			switch s.name {
			case "default":
				t.Run("not impersonated, "+name, func(t *testing.T) {
					h := newHost(t, s)
					repeat(t, repetitions(t, full), 2, func(int) error { return h.lastWords("probe", end) })
				})
			case "use_pty": // as default
				continue
			default:
				full = 10 // the promise is about sudo as it comes
			}
			t.Run(s.name+", "+name, func(t *testing.T) {
				h := newHost(t, s)
				repeat(t, repetitions(t, full), 2, func(int) error { return h.lastWords("probe_alice", end) })
			})
		}
	}
}

// lastWords runs a task that fills all channels and ends at once.
func (h *host) lastWords(task string, end verb) error {
	r, err := h.start(task, func(mark string) []verb {
		return []verb{
			{"do": "log", "message": "line", "count": lastLines},
			{"do": "log", "message": "line", "count": lastLines, "channel": "stdout"},
			{"do": "log", "message": "line", "count": lastLines, "channel": "stderr"},
			end,
		}
	})
	if err != nil {
		return err
	}
	defer r.clear()
	return errors.Join(r.end(), r.complete(), r.reported("failed"))
}

// complete demands every line of every channel, numbered from 0, in order.
func (r *trial) complete() error {
	f, err := os.Open(r.logFile())
	if err != nil {
		return err
	}
	defer f.Close()
	next := map[string]int{}
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			err = lines.Err()
			break
		}
		_, rest, ours := bytes.Cut(lines.Bytes(), []byte(`"event":"line `))
		number, rest, _ := bytes.Cut(rest, []byte(`"`))
		if !ours {
			continue
		}
		logger := "task"
		if _, rest, named := bytes.Cut(rest, []byte(`"logger":"`)); named {
			name, _, _ := bytes.Cut(rest, []byte(`"`))
			logger = string(name)
		}
		if n, err := strconv.Atoi(string(number)); err != nil || n != next[logger] {
			return fmt.Errorf("%s: line %s, want %d", logger, number, next[logger])
		}
		next[logger]++
	}
	for _, logger := range logChannels {
		if next[logger] != lastLines {
			err = errors.Join(err, fmt.Errorf("%s: %d lines, want %d", logger, next[logger], lastLines))
		}
	}
	if err != nil {
		return fmt.Errorf("%w (all: %v); %s", err, next, r.story())
	}
	return nil
}
