package runner

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// maxRights is how many descriptors one read takes in; the kernel closes those
// that came beyond it.
const maxRights = 16

// socket is a Unix stream socket that also receives descriptors. Every read is
// a recvmsg with room for them: a plain read throws them away.
type socket struct {
	fd     int
	oob    []byte
	rights []int // received since takeRights, close-on-exec
}

func newSocket(fd int) *socket {
	return &socket{fd: fd, oob: make([]byte, unix.CmsgSpace(maxRights*4))}
}

// Read implements io.Reader. It is for one goroutine.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, oobn, _, _, err := unix.Recvmsg(s.fd, p, s.oob, unix.MSG_CMSG_CLOEXEC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if err := s.wait(unix.POLLIN); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return 0, fmt.Errorf("recvmsg: %w", err)
		}
		if err := s.keepRights(s.oob[:oobn]); err != nil {
			return n, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
}

// Write implements io.Writer. It writes all of p or fails.
func (s *socket) Write(p []byte) (int, error) {
	return writeAll(s.fd, p)
}

func writeAll(fd int, p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := unix.Write(fd, p[written:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if err := poll(fd, unix.POLLOUT); err != nil {
				return written, err
			}
		case err != nil:
			return written, fmt.Errorf("write: %w", err)
		}
		written += max(n, 0)
	}
	return written, nil
}

func (s *socket) wait(events int16) error { return poll(s.fd, events) }

// poll waits until a descriptor that somebody made non-blocking is ready.
func poll(fd int, events int16) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, -1)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
	}
}

func (s *socket) keepRights(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("read control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_RIGHTS {
			continue
		}
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return fmt.Errorf("read descriptors: %w", err)
		}
		s.rights = append(s.rights, fds...)
		if len(s.rights) > maxRights {
			closeAll(s.rights[maxRights:])
			s.rights = s.rights[:maxRights]
		}
	}
	return nil
}

// takeRights returns the descriptors that came since the last call; they are the
// caller's to close.
func (s *socket) takeRights() []int {
	fds := s.rights
	s.rights = nil
	return fds
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// isStreamSocket reports whether fd is a Unix stream socket.
func isStreamSocket(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return false
	}
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && domain == unix.AF_UNIX
}
