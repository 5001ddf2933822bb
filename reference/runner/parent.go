package runner

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// watchParent returns a channel that is closed when the parent process has ended.
//
// It holds a pidfd of the parent, where PR_SET_PDEATHSIG would be the usual
// means: that signal is lost when parent and child belong to different users, it
// comes already when the parent's thread ends, and as SIGKILL it would leave the
// task's descendants behind. Without a parent in sight, as in a container of our
// own, the channel stays open and the end of the socket is what remains.
func watchParent() <-chan struct{} {
	gone := make(chan struct{})
	parent := os.Getppid()
	if parent <= 1 {
		return gone
	}
	pidfd, err := unix.PidfdOpen(parent, unix.PIDFD_NONBLOCK)
	if os.Getppid() != parent {
		close(gone) // it ended before we looked
		return gone
	}
	if err != nil {
		return gone
	}
	go func() {
		if awaitEnd(pidfd) == nil {
			close(gone)
		}
	}()
	return gone
}

// awaitEnd returns nil when the process of a non-blocking pidfd has ended. It
// waits in the poller of the Go runtime, where a goroutine costs no thread.
func awaitEnd(pidfd int) error {
	file := os.NewFile(uintptr(pidfd), "pidfd")
	defer file.Close()
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		n := 0
		n, failed = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || failed != nil && !errors.Is(failed, unix.EINTR)
	})
	return errors.Join(err, failed)
}
