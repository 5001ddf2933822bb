package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// ErrSchema is wrapped by the error about a journal that is written in another schema.
var ErrSchema = errors.New("cannot be read by this version of Understudy")

// maxLine bounds a line, in octets: a run-start with 300,000 planned cases fits.
const maxLine = 16 << 20

// maxKept is up to which size the room for one line is used again for the next, in octets.
const maxKept = 1 << 20

// Reader reads the events of a journal one after the other, also while it is
// being written.
type Reader struct {
	in     *bufio.Reader
	text   []byte // of the line that was read last: parsing keeps nothing of it
	line   int
	failed error
}

// NewReader reads from in.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, 64<<10)} }

// Next returns the next event, or io.EOF at the end. A line that is no event
// becomes a Malformed one, and reading goes on; a last line without its line
// break that is no event was cut, and counts as the end. Other errors are those
// of the underlying reader.
func (r *Reader) Next() (Event, error) {
	for {
		text, size, err := r.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return Event{}, fmt.Errorf("read journal after line %d: %w", r.line, err)
		}
		if size == 0 && err != nil {
			return Event{}, io.EOF
		}
		r.line++
		if size == 1 && err == nil {
			continue // an empty line separates joined journals
		}
		e, problem := parse(text, size)
		if problem == nil {
			return e, nil
		}
		if err != nil {
			return Event{}, io.EOF
		}
		return Event{Malformed: &Malformed{Why: fmt.Sprintf("line %d of the journal: %v", r.line, problem)}}, nil
	}
}

// readLine returns the next line up to maxLine octets of it, and its true size.
func (r *Reader) readLine() (text []byte, size int, err error) {
	text = r.text[:0]
	defer func() {
		if r.text = nil; len(text) <= maxKept {
			r.text = text
		}
	}()
	for {
		part, err := r.in.ReadSlice('\n')
		size += len(part)
		text = append(text, part[:min(len(part), maxLine+1-len(text))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, size, err
		}
	}
}

func parse(text []byte, size int) (Event, error) {
	if size > maxLine {
		return Event{}, fmt.Errorf("%d octets, more than %d", size, maxLine)
	}
	var l struct {
		line
		First *Identity `json:"identity"` // of a run-start of schema 1
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return Event{}, err
	}
	switch kinds := l.kinds(); {
	case len(kinds) == 1 && kinds[0] == l.Kind:
		return l.Event, nil
	case len(kinds) == 0 && l.Kind == "run-start" && l.First != nil:
		return Event{RunStart: &RunStart{Schema: 1, Identity: *l.First}}, nil
	default:
		return Event{}, fmt.Errorf("it is called %q, and is %s", Bound(string(l.Kind), 40), are(kinds))
	}
}

// Events yields the events up to the end, or up to the beginning of a run in another
// schema; Err then says whether that was the end of the journal.
func (r *Reader) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for {
			e, err := r.Next()
			if err == nil && e.RunStart != nil {
				err = e.RunStart.readable()
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					r.failed = err
				}
				return
			}
			if !yield(e) {
				return
			}
		}
	}
}

func (s RunStart) readable() error {
	if s.Schema == Schema {
		return nil
	}
	wrote := "Understudy " + Bound(s.Identity.Suite, 40)
	if s.Identity.Commit != "" {
		wrote += " (" + Bound(s.Identity.Commit, 40) + ")"
	}
	return fmt.Errorf("a journal of schema %d, written by %s, %w, which reads schema %d: play the run again, or make its report with the version that wrote it", s.Schema, wrote, ErrSchema, Schema)
}

// Err is the error at which Events ended, nil at the end of the journal.
func (r *Reader) Err() error { return r.failed }

// ReadAll reads to the end. Malformed lines are among the events.
func ReadAll(in io.Reader) ([]Event, error) {
	r := NewReader(in)
	events := slices.Collect(r.Events())
	return events, r.Err()
}
