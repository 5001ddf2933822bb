package tasklog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is the longest log line, in bytes, that is kept in one piece.
	maxLine = 1 << 20

	// readStep is how much is read from a channel at once, at most.
	readStep = 64 << 10

	// firstStep is how much is read as long as no more comes at once: most channels
	// of most tasks are silent.
	firstStep = 2 << 10
)

// Channel is one of the streams on which a task logs.
type Channel struct {
	logger string // of text lines
	level  string // of text lines
	json   bool   // lines are JSON objects; those that are not become text
}

// The streams of a task.
var (
	Stdout  = Channel{logger: "task.stdout", level: "info"}
	Stderr  = Channel{logger: "task.stderr", level: "error"}
	Records = Channel{logger: "task", level: "info", json: true} // one JSON object a line
)

// splitMark ends every piece of a line that was too long, save the last.
var splitMark = fmt.Sprintf(" [line of more than %d bytes, continued on the next]", maxLine)

// drain copies lines from r to the task log until r ends, whatever they hold.
// What was read at once is written at once. The last line needs no newline. Each
// line that was read is handed to seen, if that is not nil. turn is held all the
// time but while it waits for r.
func (c Channel) drain(r io.Reader, log *Log, turn sync.Locker, seen func(line []byte)) {
	var pending, out []byte
	turn.Lock()
	defer turn.Unlock()
	step := firstStep
	searched := 0 // bytes of pending without newline
	split := false
	emit := func(line []byte, continued bool) {
		out = c.render(out, line, log, split || continued, continued)
		split = continued
		if seen != nil {
			seen(line)
		}
	}
	pieces := func(line []byte) (last []byte) {
		for len(line) > maxLine {
			cut := log.mask.cut(line[:maxLine])
			emit(line[:cut], true)
			line = line[cut:]
		}
		return line
	}
	for {
		pending = slices.Grow(pending, step)
		turn.Unlock()
		n, err := r.Read(pending[len(pending):min(cap(pending), len(pending)+step)])
		turn.Lock()
		pending = pending[:len(pending)+n]
		if n >= step {
			step = readStep
		}
		rest := pending
		for {
			i := bytes.IndexByte(rest[searched:], '\n')
			if i < 0 {
				break
			}
			emit(pieces(rest[:searched+i]), false)
			rest, searched = rest[searched+i+1:], 0
		}
		rest = pieces(rest)
		if err != nil {
			if len(rest) > 0 {
				emit(rest, false)
			}
			log.write(out)
			return
		}
		log.write(out)
		pending = append(pending[:0], rest...)
		searched = len(pending)
		if cap(out) > 4*maxLine {
			out = nil
		}
		out = out[:0]
	}
}

// render appends the log line for one line of the channel.
func (c Channel) render(dst, line []byte, log *Log, piece, continued bool) []byte {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if c.json && !piece {
		if len(bytes.TrimSpace(line)) == 0 {
			return dst
		}
		if out, ok := renderJSON(dst, line, log.mask); ok {
			return out
		}
	}
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	if continued {
		text += splitMark
	}
	return log.line(dst, c.level, text, c.logger)
}

// levels are the names that a line of the log channel may have, in any case.
var levels = map[string]bool{
	"notset": true, "trace": true, "debug": true, "info": true, "warning": true, "warn": true,
	"error": true, "exception": true, "critical": true, "fatal": true,
}

// timeLayouts are what runtimes write as timestamp. Fractions of a second are
// understood in each.
var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"}

// renderJSON appends a line that is an object with a known level, an event and,
// if there is one, a timestamp that is one. It passes a line on as it came where
// nothing is to be masked or added. ok is false for any other line.
func renderJSON(dst, line []byte, mask *Masker) (out []byte, ok bool) {
	if !utf8.Valid(line) {
		return dst, false
	}
	var head struct {
		Timestamp *string `json:"timestamp"`
		Level     *string `json:"level"`
		Event     *string `json:"event"`
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Level == nil || head.Event == nil || !levels[strings.ToLower(*head.Level)] {
		return dst, false
	}
	if head.Timestamp != nil && !isTime(*head.Timestamp) {
		return dst, false
	}
	// Without a backslash the text of the line is the text of its strings.
	plain := mask.empty() || bytes.IndexByte(line, '\\') < 0 && mask.Text(string(line)) == string(line)
	if plain && head.Timestamp != nil {
		return append(append(dst, bytes.TrimSpace(line)...), '\n'), true
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return dst, false
	}
	if head.Timestamp == nil {
		fields["timestamp"] = time.Now().UTC().Format(logTime)
	}
	dst = append(dst, '{')
	for i, name := range order(fields) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, mask.Text(name))
		dst = append(dst, ':')
		dst = appendJSON(dst, maskValue(mask, fields[name]))
	}
	return append(dst, '}', '\n'), true
}

// order lists the keys of a record: those that every record has first.
func order(fields map[string]any) []string {
	first := map[string]int{"timestamp": 1, "level": 2, "event": 3, "logger": 4}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := first[a], first[b]
		switch {
		case x != 0 && y != 0:
			return x - y
		case x != 0:
			return -1
		case y != 0:
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

func isTime(s string) bool {
	for _, layout := range timeLayouts {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}
