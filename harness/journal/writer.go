package journal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Writer appends events to a journal: one call of Write an event, so that an
// event is there as a whole or not at all, even when the process dies. All text
// is redacted first and bounded then. Safe for concurrent use.
type Writer struct {
	mu       sync.Mutex
	out      io.Writer
	redactor *Redactor
	failed   error
}

// NewWriter writes to out; redactor may be nil.
func NewWriter(out io.Writer, redactor *Redactor) *Writer {
	return &Writer{out: out, redactor: redactor}
}

// Write appends one event; an event without a time gets the current one. After
// the first failure every further call returns that failure: a journal has no gaps.
func (w *Writer) Write(e Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	line, err := e.Clean(w.redactor, MaxText).Marshal()
	if err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if n, err := w.out.Write(line); err != nil {
		w.failed = fmt.Errorf("write %s event: %d of %d octets: %w", e.Kind(), n, len(line), err)
	}
	return w.failed
}
