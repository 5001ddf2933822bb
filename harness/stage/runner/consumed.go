package runner

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

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
