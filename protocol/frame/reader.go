package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// HeaderSize is the number of bytes before each payload.
	HeaderSize = 4

	// DefaultMaxPayload is the largest payload, in bytes, that a Reader accepts
	// unless told otherwise.
	DefaultMaxPayload = 64 << 20
)

// A payload of up to firstStep bytes is allocated at once. A longer one gets a
// buffer of firstStep bytes, when that is full one of secondStep bytes, and then
// one that is growth times as large each time, so that memory stays within growth
// times what arrived. The steps are few and the early ones small: of a frame of
// 20 MiB a twentieth is copied.
const (
	firstStep  = 256 << 10
	secondStep = 1 << 20
	growth     = 32
)

// Reader reads frames from a stream. It is not safe for concurrent use.
type Reader struct {
	r      io.Reader
	max    uint32
	header [HeaderSize]byte
	err    error // set once the stream stands inside a frame
}

// NewReader returns a Reader that takes frames from r and refuses payloads
// above maxPayload bytes; 0 means DefaultMaxPayload.
func NewReader(r io.Reader, maxPayload uint32) *Reader {
	if maxPayload == 0 {
		maxPayload = DefaultMaxPayload
	}
	return &Reader{r: r, max: maxPayload}
}

// Next returns the payload of the next frame in a slice of its own.
//
// The error is io.EOF if the stream ended between two frames, *TruncatedError
// if it ended or failed elsewhere, *TooLargeError, or one that wraps ErrEmpty.
// Once an error left the stream inside a frame, every further call returns that
// error: the next boundary cannot be found again.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	got, err := io.ReadFull(r.r, r.header[:])
	if err != nil {
		if got == 0 {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, &TruncatedError{Part: "header", Got: 0, Want: HeaderSize, Err: err}
		}
		return nil, r.fail(&TruncatedError{Part: "header", Got: got, Want: HeaderSize, Err: err})
	}
	length := binary.BigEndian.Uint32(r.header[:])
	switch {
	case length == 0:
		return nil, fmt.Errorf("read frame header: %w", ErrEmpty)
	case length > r.max:
		return nil, r.fail(&TooLargeError{Length: length, Max: r.max})
	}
	return r.payload(int(length))
}

func (r *Reader) payload(length int) ([]byte, error) {
	buf := make([]byte, min(length, firstStep))
	got := 0
	for {
		n, err := io.ReadFull(r.r, buf[got:])
		got += n
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, r.fail(&TruncatedError{Part: "payload", Got: got, Want: length, Err: err})
		}
		if got == length {
			return buf, nil
		}
		next := secondStep
		if len(buf) >= secondStep {
			next = len(buf) * growth
		}
		larger := make([]byte, min(length, next))
		copy(larger, buf)
		buf = larger
	}
}

func (r *Reader) fail(err error) error {
	r.err = err
	return err
}
