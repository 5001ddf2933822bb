package journal

import (
	"fmt"
	"io"
	"slices"
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
	line, err := w.clean(e).Marshal()
	if err != nil {
		return fmt.Errorf("write %s event: %w", e.Kind, err)
	}
	if n, err := w.out.Write(line); err != nil {
		w.failed = fmt.Errorf("write %s event: %d of %d octets: %w", e.Kind, n, len(line), err)
	}
	return w.failed
}

// clean returns a copy of the event whose text is redacted and bounded.
func (w *Writer) clean(e Event) Event {
	text := func(s string) string { return Bound(w.redactor.Text(s), MaxText) }
	brief := func(s string) string { return Bound(w.redactor.Text(s), MaxShort) }
	e.Text, e.Body = text(e.Text), text(e.Body)
	e.Octets = Bound(w.redactor.Octets(e.Octets), MaxShort)
	e.Run, e.Who, e.Channel = brief(e.Run), brief(e.Who), brief(e.Channel)
	if e.Proc != nil {
		p := *e.Proc
		p.Command, p.Note = brief(p.Command), brief(p.Note)
		p.Groups = p.Groups[:min(len(p.Groups), maxEntries)]
		e.Proc = &p
	}
	if e.Observation != nil {
		o := *e.Observation
		o.Says, o.Expected, o.Actual = text(o.Says), text(o.Expected), text(o.Actual)
		o.Where, o.Capability = brief(o.Where), brief(o.Capability)
		e.Observation = &o
	}
	if e.Environment != nil {
		e.Environment = w.environment(e.Environment, brief)
	}
	return e
}

func (w *Writer) environment(from map[string]string, brief func(string) string) map[string]string {
	names := make([]string, 0, len(from))
	for name := range from {
		names = append(names, name)
	}
	slices.Sort(names)
	env := make(map[string]string, len(names))
	for _, name := range names[:min(len(names), maxEntries)] {
		env[brief(name)] = brief(from[name])
	}
	return env
}
