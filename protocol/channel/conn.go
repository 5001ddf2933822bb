package channel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxRights is how many descriptors one read takes in, and how many are kept; the
// kernel closes those that come beyond.
const maxRights = 16

// Conn is the connection of a runner. Where it is a Unix socket, each read takes in the
// descriptors that come with what is read: a plain one throws them away. One goroutine
// may read while another one writes.
type Conn struct {
	net.Conn
	rights []int
}

// OpenConn takes descriptor fd, a stream socket. The descriptor itself stays the
// caller's and becomes non-blocking, for all who share it.
func OpenConn(fd int) (*Conn, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open descriptor %d as channel: %w", fd, err)
	}
	file := os.NewFile(uintptr(dup), "channel")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("open descriptor %d as channel: %w", fd, err)
	}
	return &Conn{Conn: conn}, nil
}

// AwaitRead waits until the other side has read all that was written: bytes that lie in
// the socket together are read together, however they were written. The kernel has no
// event for that, so it is asked again and again. Who closed its side reads no more: that
// ends the wait, too, and is seen by the next write. So does over.
func (c *Conn) AwaitRead(over func() bool) error {
	conn, is := c.Conn.(*net.UnixConn)
	if !is {
		return errors.New("look into the channel: it is no Unix socket")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("look into the channel: %w", err)
	}
	for {
		var unread int
		var gone bool
		var failed error
		err := raw.Control(func(fd uintptr) {
			peer := []unix.PollFd{{Fd: int32(fd)}}
			if _, failed = unix.Poll(peer, 0); failed == nil {
				gone = peer[0].Revents&unix.POLLHUP != 0
				unread, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
			}
		})
		switch {
		case err != nil:
			return fmt.Errorf("look into the channel: %w", err)
		case failed != nil && !errors.Is(failed, unix.EINTR):
			return fmt.Errorf("ask how much of the channel is unread: %w", failed)
		case failed == nil && (unread == 0 || gone), over():
			return nil
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// Read implements io.Reader.
func (c *Conn) Read(b []byte) (int, error) {
	conn, is := c.Conn.(*net.UnixConn)
	if !is || len(b) == 0 {
		return c.Conn.Read(b)
	}
	oob := make([]byte, unix.CmsgSpace(maxRights*4))
	n, oobn, _, _, err := conn.ReadMsgUnix(b, oob) // close-on-exec
	c.rights = append(c.rights, Rights(oob[:oobn])...)
	if len(c.rights) > maxRights {
		closeRights(c.rights[maxRights:])
		c.rights = c.rights[:maxRights]
	}
	if errors.Is(err, io.EOF) { // package net wraps it here, and readers compare
		err = io.EOF
	}
	return n, err
}

// TakeRights returns the descriptors that came since the last call, close-on-exec and
// the caller's to close.
func (c *Conn) TakeRights() []int {
	rights := c.rights
	c.rights = nil
	return rights
}

// Rights returns the descriptors in control messages as the kernel wrote them.
func Rights(oob []byte) (rights []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			rights = append(rights, fds...)
		}
	}
	return rights
}

func closeRights(rights []int) {
	for _, fd := range rights {
		unix.Close(fd)
	}
}
