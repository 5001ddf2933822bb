package runner

import (
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
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

// consumed waits until the runner has read all that was written to its channel:
// octets that lie in the socket together are read together, however they were
// written. The kernel has no event for this, so it is asked again and again.
func (c *supervisor) consumed() error {
	const pause = 50 * time.Microsecond
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("look into the message channel: %w", err)
	}
	for {
		var queued int
		var failed error
		err := raw.Control(func(fd uintptr) { queued, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		switch {
		case err != nil:
			return fmt.Errorf("look into the message channel: %w", err)
		case failed != nil:
			return fmt.Errorf("ask how much of the message channel is unread: %w", failed)
		case queued == 0, c.Ended(), c.Backstage().Context().Err() != nil:
			return nil
		}
		time.Sleep(pause)
	}
}
