package sandbox

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Bounds of a transcript: how many lines an error shows, and where a line is cut, in octets.
const (
	lastLines = 25
	lineLimit = 64 << 10
)

// LogLimit bounds what a transcript writes to its log, in octets, besides the line that says so.
const LogLimit = 64 << 20

const leftOut = "\n[the rest of the output is left out]\n"

// Transcript is where the output of a long preparation goes: the first LogLimit octets to a log, its steps to
// people, and its end to the error that says why it failed. It is safe for concurrent use.
type Transcript struct {
	log  io.Writer
	step func(line string)

	mu   sync.Mutex
	room int // octets that the log may still get; below 0 once it says that there is more
	rest []byte
	tail []string
}

// NewTranscript returns a transcript that copies to log and calls step for each line.
func NewTranscript(log io.Writer, step func(line string)) *Transcript {
	return &Transcript{log: log, step: step, room: LogLimit}
}

// Write fails when the log does.
func (t *Transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole && len(line) < lineLimit {
			return len(p), t.keep(p)
		}
		t.rest = rest
		t.take(strings.TrimRight(string(line), "\r"))
	}
}

// keep writes to the log what it has room for.
func (t *Transcript) keep(p []byte) error {
	if t.room < 0 {
		return nil
	}
	n := min(len(p), t.room)
	t.room -= n
	if n < len(p) {
		t.room = -1
		p = append(p[:n:n], leftOut...)
	}
	_, err := t.log.Write(p)
	return err
}

func (t *Transcript) take(line string) {
	if t.tail = append(t.tail, line); len(t.tail) > lastLines {
		t.tail = t.tail[1:]
	}
	t.step(line)
}

// Last returns the last lines, indented.
func (t *Transcript) Last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return "    " + strings.Join(append(t.tail, string(t.rest)), "\n    ")
}
