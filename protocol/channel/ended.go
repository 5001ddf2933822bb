package channel

import (
	"errors"
	"io"
	"net"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/frame"
)

// Ended reports whether an error of reading or writing frames says no more than
// that the conversation is over: the other side closed its end between two frames,
// or ours was closed. A side that closes with something unread resets the stream.
//
// An end within a frame that was to be read is another thing, and so are a stream
// that failed for another reason and a frame that is none.
func Ended(err error) bool {
	var cut *frame.TruncatedError
	if errors.As(err, &cut) && (cut.Part != "header" || cut.Got > 0) {
		return false
	}
	for _, end := range []error{io.EOF, net.ErrClosed, unix.ECONNRESET, unix.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
