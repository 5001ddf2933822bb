package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/protocol/frame"
)

func TestProtocolErrorTellsEndsApart(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for name, c := range map[string]struct {
		err error
		end bool
	}{
		"reset between frames": {&frame.TruncatedError{Part: "header", Want: 4, Err: reset}, true},
		"reset within header":  {&frame.TruncatedError{Part: "header", Got: 2, Want: 4, Err: reset}, false},
		"reset in payload":     {&frame.TruncatedError{Part: "payload", Got: 0, Want: 4, Err: reset}, false},
		"closed by us":         {&frame.TruncatedError{Part: "header", Want: 4, Err: net.ErrClosed}, true},
		"empty":                {fmt.Errorf("x: %w", frame.ErrEmpty), false},
		"too large":            {&frame.TooLargeError{Length: 9, Max: 1}, false},
		"other":                {errors.New("x"), false},
	} {
		if got := protocolError(c.err); (got == nil) != c.end {
			t.Errorf("%s: %v", name, got)
		}
	}
}
