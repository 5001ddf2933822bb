package runner

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

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
