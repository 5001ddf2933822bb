package shell

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Kind says what a frame carries.
type Kind byte

// The kinds, see the package comment.
const (
	Input  Kind = 'i'
	End    Kind = 'e'
	Window Kind = 'w'
	More   Kind = 'm'
	Output Kind = 'o'
	Errors Kind = 'x'
	Code   Kind = 'c'
)

// MaxPayload bounds the octets of one frame.
const MaxPayload = 32 << 10

// ErrFrame is wrapped when what arrives is no frame.
var ErrFrame = errors.New("not a frame")

const header = 5

// Frame is one frame.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// Reader reads frames.
type Reader struct {
	from io.Reader
	head [header]byte
	body [MaxPayload]byte
}

// NewReader reads from from, which it does not read ahead.
func NewReader(from io.Reader) *Reader { return &Reader{from: from} }

// Next returns the next frame, whose payload is valid until the call after. At the
// end between two frames the error is io.EOF, within one io.ErrUnexpectedEOF.
func (r *Reader) Next() (Frame, error) {
	if _, err := io.ReadFull(r.from, r.head[:]); err != nil {
		return Frame{}, err
	}
	kind, length := Kind(r.head[0]), binary.BigEndian.Uint32(r.head[1:])
	if !known(kind) || length > MaxPayload {
		return Frame{}, fmt.Errorf("%w: kind %q with %d octets", ErrFrame, byte(kind), length)
	}
	body := r.body[:length]
	if _, err := io.ReadFull(r.from, body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return Frame{kind, body}, nil
}

func known(k Kind) bool {
	switch k {
	case Input, End, Window, More, Output, Errors, Code:
		return true
	}
	return false
}

// Writer writes frames; its methods may be called from several goroutines.
type Writer struct {
	mu sync.Mutex
	to io.Writer
}

// NewWriter writes to to, one call a frame.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write writes one frame.
func (w *Writer) Write(kind Kind, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: %d octets, %d are the most", ErrFrame, len(payload), MaxPayload)
	}
	frame := make([]byte, 0, header+len(payload))
	frame = append(frame, byte(kind))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(payload)))
	frame = append(frame, payload...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.to.Write(frame)
	return err
}

// Stream returns a writer whose octets become frames of one kind.
func (w *Writer) Stream(kind Kind) io.Writer { return stream{w, kind} }

type stream struct {
	*Writer
	kind Kind
}

func (s stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), MaxPayload)]
		if err = s.Writer.Write(s.kind, part); err == nil {
			n, p = n+len(part), p[len(part):]
		}
	}
	return n, err
}

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

// MarshalBinary returns the payload of a Window frame.
func (s Size) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Rows), s.Columns), nil
}

// UnmarshalBinary reads the payload of a Window frame.
func (s *Size) UnmarshalBinary(p []byte) error {
	if len(p) != 4 {
		return fmt.Errorf("%w: the size of a terminal in %d octets", ErrFrame, len(p))
	}
	s.Rows, s.Columns = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	return nil
}

// ExitCode returns the payload of a Code frame.
func ExitCode(code int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(code)) }

func exitCode(p []byte) (int, error) {
	if len(p) != 4 {
		return 0, fmt.Errorf("%w: an exit code in %d octets", ErrFrame, len(p))
	}
	return int(binary.BigEndian.Uint32(p)), nil
}
