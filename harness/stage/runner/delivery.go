package runner

import (
	"io"
	"net"

	"github.com/understudy-conformance/understudy/protocol/channel"
)

// delivery is the connection as frames are to go over it.
func (c *supervisor) delivery() io.ReadWriter {
	if c.wire.ByteByByte {
		return single{c.conn, c}
	}
	return c.conn
}

// single hands over octet by octet, each when the one before it was read; a descriptor
// goes with the first.
type single struct {
	*net.UnixConn
	to *supervisor
}

func (s single) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := s.UnixConn.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if err := s.to.consumed(); err != nil {
			return i + 1, err
		}
	}
	return len(b), nil
}

// WriteMsgUnix writes one octet; who wants to have more written calls Write.
func (s single) WriteMsgUnix(b, oob []byte, addr *net.UnixAddr) (n, oobn int, err error) {
	n, oobn, err = s.UnixConn.WriteMsgUnix(b[:1], oob, addr)
	if err == nil {
		err = s.to.consumed()
	}
	return n, oobn, err
}

// consumed waits until the runner has read all that was written to its channel, or has
// ended.
func (c *supervisor) consumed() error {
	return (&channel.Conn{Conn: c.conn}).AwaitRead(func() bool { return c.Ended() || c.Backstage().Context().Err() != nil })
}
