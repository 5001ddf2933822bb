package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Calls counts how often the file of a command was opened since it was watched.
// To execute a file the kernel opens it, and says so before the process runs, however
// short that lives; to look for a command, or at its mode, opens nothing.
type Calls struct {
	command string
	fd      int
	seen    int
}

// WatchCalls begins to count those of a command, in whichever of the folders it stands.
func WatchCalls(command string, folders []string) (*Calls, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch calls of %s: %w", command, err)
	}
	c, found := &Calls{command: command, fd: fd}, false
	for _, folder := range folders {
		// What is read tells two openings apart, which else would be one event. A symbolic
		// link is followed: the watch is on the file itself.
		_, err := unix.InotifyAddWatch(fd, filepath.Join(folder, command), unix.IN_OPEN|unix.IN_ACCESS)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("watch calls of %s in %s: %w", command, folder, err), c.Close())
		}
		found = found || err == nil
	}
	if !found {
		return nil, errors.Join(fmt.Errorf("watch calls of %s: it is in none of %v", command, folders), c.Close())
	}
	return c, nil
}

// Count returns how often the command was called until now: once at least if it was, and
// less often than it was only where calls overlap.
func (c *Calls) Count() (int, error) {
	events := make([]byte, 4096)
	for {
		n, err := unix.Read(c.fd, events)
		if errors.Is(err, unix.EAGAIN) {
			return c.seen, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read calls of %s: %w", c.command, err)
		}
		for rest := events[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			mask, name := binary.NativeEndian.Uint32(rest[4:]), binary.NativeEndian.Uint32(rest[12:])
			switch {
			case mask&unix.IN_Q_OVERFLOW != 0:
				return 0, fmt.Errorf("read calls of %s: there were too many at once", c.command)
			case mask&unix.IN_OPEN != 0:
				c.seen++
			}
			rest = rest[unix.SizeofInotifyEvent+int(name):]
		}
	}
}

// Close ends the count.
func (c *Calls) Close() error { return unix.Close(c.fd) }
