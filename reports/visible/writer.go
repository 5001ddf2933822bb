package visible

import (
	"io"
	"sync"
	"unicode/utf8"
)

// Writer makes a stream visible as Text does. A character may be parted between two
// writes. Safe for concurrent use.
type Writer struct {
	mu   sync.Mutex
	out  io.Writer
	open []byte // the beginning of a character
}

// NewWriter returns a writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes p with everything visible. Of a write that fails nobody knows how much arrived.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.open, p...)
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				whole = at
			}
			break
		}
	}
	w.open = append([]byte(nil), text[whole:]...)
	if _, err := io.WriteString(w.out, Text(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes what has been left of a character that never became whole.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := Text(string(w.open))
	w.open = nil
	_, err := io.WriteString(w.out, rest)
	return err
}

// Raw returns where the writer writes to: for what is escaped already, with control
// characters of our own in it, and for what is passed on as it is on purpose.
func (w *Writer) Raw() io.Writer { return w.out }
