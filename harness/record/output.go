package record

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	MaxKept = 64 << 20 // octets of one channel that a run keeps for its checks
	maxLine = 8 << 10  // octets of a line that are looked at for the journal
	ahead   = 4 << 10  // octets behind them that are kept while it is open: a secret may lie across
)

// Output collects what one channel carried.
type Output struct {
	mu   sync.Mutex
	kept bytes.Buffer
	lost int
}

// Add keeps what came, as far as there is room.
func (o *Output) Add(chunk []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(chunk), max(0, MaxKept-o.kept.Len()))
	o.kept.Write(chunk[:n])
	o.lost += len(chunk) - n
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// Cut is how many octets at the end were not kept.
func (o *Output) Cut() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// Collect reads r to its end, keeps everything in o, and hands whole lines to
// the journal: several at a time where they come at once. before says where a line is
// to be cut that shall be cut at a place.
func (o *Output) Collect(r io.Reader, before func(line string, at int) int, lines func(text string)) {
	chunk := make([]byte, 32<<10)
	var open []byte // the line that is not complete yet
	for {
		n, err := r.Read(chunk)
		o.Add(chunk[:n])
		open = append(open, chunk[:n]...)
		if end := bytes.LastIndexByte(open, '\n'); end >= 0 {
			journalLines(open[:end+1], before, lines)
			open = append(open[:0], open[end+1:]...)
		}
		if len(open) > maxLine+ahead {
			open = open[:maxLine+ahead] // the rest of a long line is kept for checks only
		}
		if err != nil {
			journalLines(open, before, lines)
			return
		}
	}
}

// journalLines hands on lines in groups that fit into one event.
func journalLines(text []byte, before func(line string, at int) int, lines func(text string)) {
	var group strings.Builder
	for line := range bytes.Lines(text) {
		if len(line) > maxLine {
			line = line[:before(string(line[:min(len(line), maxLine+ahead)]), maxLine)]
		}
		if group.Len() > 0 && group.Len()+len(line) > MaxText {
			lines(group.String())
			group.Reset()
		}
		group.Write(line)
	}
	if group.Len() > 0 {
		lines(group.String())
	}
}
