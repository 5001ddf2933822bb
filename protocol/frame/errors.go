package frame

import (
	"errors"
	"fmt"
)

// ErrEmpty reports a frame that announces a payload of zero bytes, or the
// attempt to write one.
var ErrEmpty = errors.New("frame without payload")

// ErrTooLong reports a payload whose length does not fit the four length bytes.
// Nothing of it was written.
var ErrTooLong = errors.New("payload longer than a frame can announce")

// TruncatedError reports a stream that ended, or failed, before a frame was
// complete. An end between two frames is io.EOF instead.
type TruncatedError struct {
	Part string // "header" or "payload"
	Got  int    // bytes of that part that arrived
	Want int    // bytes that part should have
	Err  error  // io.ErrUnexpectedEOF, or what the stream reported
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("read frame %s: %d of %d bytes: %v", e.Part, e.Got, e.Want, e.Err)
}

func (e *TruncatedError) Unwrap() error { return e.Err }

// TooLargeError reports a header that announces more than the reader permits.
// Nothing was allocated for the payload and none of it was read.
type TooLargeError struct {
	Length uint32 // announced bytes
	Max    uint32 // permitted bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("read frame header: payload of %d bytes announced, %d permitted", e.Length, e.Max)
}
