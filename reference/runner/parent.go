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
	pidfd, err := unix.PidfdOpen(parent, 0)
	if os.Getppid() != parent {
		close(gone) // it ended before we looked
		return gone
	}
	if err != nil {
		return gone
	}
	go func() {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n > 0 {
				close(gone)
			}
			return
		}
	}()
	return gone
}
