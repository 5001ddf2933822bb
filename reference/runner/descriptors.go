package runner

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// errNoChannel reports what a sudo policy with log_input does (IMP-007).
var errNoChannel = errors.New("descriptor 0 is not the supervisor's socket; a sudo policy with log_input puts a pipe in its place, " +
	"and this command has to be started by a supervisor")

// takeChannel moves the channel from descriptor 0 to one that no child inherits
// and leaves /dev/null in its place (SEC-008).
func takeChannel() (fd int, err error) {
	if !isStreamSocket(0) {
		return -1, errNoChannel
	}
	fd, err = unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, fmt.Errorf("move the channel off descriptor 0: %w", err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/null: %w", err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, 0, 0); err != nil {
		return -1, fmt.Errorf("put /dev/null on descriptor 0: %w", err)
	}
	return fd, nil
}

// hide makes memory, environment and descriptors of this process unreadable for
// others of the same user. Each exec undoes it.
func hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process non-dumpable: %w", err)
	}
	return nil
}
