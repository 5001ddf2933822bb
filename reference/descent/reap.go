package descent

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Reap collects every child of this process that has ended, whoever waits for it,
// and reports whether one is left.
func Reap() (left bool) {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			return false
		case pid == 0:
			return true
		}
	}
}

// Living leaves out those that have ended.
func Living(all []Process) []Process {
	var living []Process
	for _, p := range all {
		if !p.Zombie {
			living = append(living, p)
		}
	}
	return living
}
