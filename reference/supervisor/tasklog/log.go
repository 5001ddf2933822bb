package tasklog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// logTime is the form of the timestamps that this package writes.
const logTime = "2006-01-02T15:04:05.000000Z"

// Log is the task log: JSON lines, one object each, with at least timestamp,
// level, event and logger. Only the supervisor writes it. It is safe for
// concurrent use: lines of several writers follow one another.
type Log struct {
	mask *Masker

	mu   sync.Mutex
	w    io.Writer
	file *os.File // nil if w is not to be closed
	err  error    // the first failure to write
}

// To returns a task log that is no file of its own: lines go to w, which
// Close leaves open.
func To(w io.Writer, mask *Masker) *Log { return &Log{w: w, mask: mask} }

// Open opens folder/path for appending. Directories that are missing are
// made. Without path (nil) lines go to w.
//
// The folder may be a symbolic link, its administrator's. Below it others may be
// able to write, Dag authors for instance, so nothing is followed there, and the
// file has to be a regular one of this process's user, under one name: what a task
// prints would else be appended to a file of somebody's choice, and a FIFO would be
// waited for.
func Open(folder string, path *string, w io.Writer, mask *Masker) (*Log, error) {
	if path == nil {
		return To(w, mask), nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("open task log: %w", err)
	}
	base, err := safefile.OpenFolder(folder)
	if err != nil {
		return nil, fmt.Errorf("open task log: %w", err)
	}
	defer base.Close()
	below, err := base.MakeSub(filepath.Dir(*path), 0o755)
	if err != nil {
		return nil, fmt.Errorf("open task log %s: %w", base.Path(*path), err)
	}
	defer below.Close()
	file, err := below.Append(filepath.Base(*path), 0o644, safefile.Terms{Owners: []int{os.Geteuid()}, OneLink: true})
	if err != nil {
		return nil, fmt.Errorf("open task log: %w", err)
	}
	return &Log{w: file, file: file, mask: mask}, nil
}

// write appends complete lines in one call of the file. What cannot be written
// is lost, and Close reports it: the task goes on without a log.
func (l *Log) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(lines); err != nil && l.err == nil {
		l.err = fmt.Errorf("write task log: %w", err)
	}
}

// Record appends a line of the supervisor itself. Fields are names and values in
// turn. Secrets in strings are masked.
func (l *Log) Record(level, event string, fields ...any) {
	l.write(l.line(nil, level, event, "supervisor", fields...))
}

func (l *Log) line(dst []byte, level, event, logger string, fields ...any) []byte {
	dst = append(dst, `{"timestamp":"`...)
	dst = time.Now().UTC().AppendFormat(dst, logTime)
	dst = append(dst, `","level":`...)
	dst = appendJSON(dst, level)
	dst = append(dst, `,"event":`...)
	dst = appendJSON(dst, l.mask.Text(event))
	dst = append(dst, `,"logger":`...)
	dst = appendJSON(dst, logger)
	for i := 0; i+1 < len(fields); i += 2 {
		dst = append(dst, ',')
		dst = appendJSON(dst, fields[i])
		dst = append(dst, ':')
		dst = appendJSON(dst, maskValue(l.mask, fields[i+1]))
	}
	return append(dst, '}', '\n')
}

// Close closes the file and reports the first line that could not be written.
func (l *Log) Close() error {
	if l.file == nil {
		return l.err
	}
	return errors.Join(l.err, l.file.Close())
}

// maskValue masks the strings in a value that encoding/json decodes to, keys
// included. Strings in errors and slices of strings count, too.
func maskValue(m *Masker, value any) any {
	switch v := value.(type) {
	case string:
		return m.Text(v)
	case json.Number: // digits can be a password, too
		if text := m.Text(v.String()); text != v.String() {
			return text
		}
	case error:
		return m.Text(v.Error())
	case []string:
		list := make([]string, len(v))
		for i, s := range v {
			list[i] = m.Text(s)
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = maskValue(m, element)
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, element := range v {
			fields[m.Text(name)] = maskValue(m, element)
		}
		return fields
	}
	return value
}

// appendJSON appends value as JSON, or the text of the error that this gives: a
// log line is never lost for one field.
func appendJSON(dst []byte, value any) []byte {
	b := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return appendJSON(dst, fmt.Sprintf("(not shown: %v)", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
