package frame

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"sync"
)

// keepBuffer is the largest buffer, in bytes, that a Writer keeps from one
// frame to the next.
const keepBuffer = 256 << 10

// Writer writes frames to a stream. It is safe for concurrent use: frames of
// several goroutines follow one another and never mix.
type Writer struct {
	limit uint64 // largest payload; tests lower it

	mu  sync.Mutex
	w   io.Writer
	buf []byte
	err error // set once a part of a frame was written
}

// NewWriter returns a Writer that puts frames on w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, limit: math.MaxUint32}
}

// Write puts one frame with the given payload on the stream, header and payload
// in one call of the stream's Write. It does not keep payload.
//
// An empty payload gives ErrEmpty and one above 2^32-1 bytes ErrTooLong; both
// are found before a byte is written. If the stream takes only a part of a frame,
// every further call returns that error, because what followed could not be
// told from the rest of that frame.
func (w *Writer) Write(payload []byte) error {
	switch n := uint64(len(payload)); {
	case n == 0:
		return fmt.Errorf("write frame: %w", ErrEmpty)
	case n > w.limit:
		return fmt.Errorf("write frame: %d bytes, %d possible: %w", n, w.limit, ErrTooLong)
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	buf := Append(w.buf[:0], payload)
	if cap(buf) <= keepBuffer {
		w.buf = buf
	}
	n, err := w.w.Write(buf)
	if err == nil && n < len(buf) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write frame: %d of %d bytes: %w", n, len(buf), err)
	if n > 0 {
		w.err = err
	}
	return err
}

// Append appends a whole frame, header and payload, to dst. It checks nothing
// but that the length can be announced, so that tests can build frames a Writer
// refuses, and panics if it cannot.
func Append(dst, payload []byte) []byte {
	if uint64(len(payload)) > math.MaxUint32 {
		panic(fmt.Sprintf("frame: Append of %d bytes: %v", len(payload), ErrTooLong))
	}
	if dst == nil {
		dst = make([]byte, 0, HeaderSize+len(payload))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	return append(dst, payload...)
}
