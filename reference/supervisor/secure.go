package supervisor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// secure makes this process fit to hold a token and to own a task: undumpable, so
// that no process of the same user reads its memory or environment
// (apache/airflow#62523); subreaper, so that what the task leaves behind stays
// its descendant; and without descriptors that a child could inherit.
func secure() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the supervisor undumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	err := unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) { // before Linux 5.11
		return fmt.Errorf("keep descriptors from children: %w", err)
	}
	return nil
}
