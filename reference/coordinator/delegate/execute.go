package delegate

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Execute takes an order from descriptor 0 and replaces this process by what it
// says. It returns only with an error.
func Execute() error {
	order, memory, err := receive(0)
	if err != nil {
		return err
	}
	if err := sealed(memory); err != nil {
		return fmt.Errorf("execute %s: %w", order.Argv[0], err)
	}
	if err := emptyInput(); err != nil {
		return err
	}
	script, err := isScript(memory)
	if err != nil {
		return fmt.Errorf("execute %s: %w", order.Argv[0], err)
	}
	if script { // its interpreter opens it by the descriptor's path
		if _, err := unix.FcntlInt(uintptr(memory), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	err = unix.Exec(fmt.Sprintf("/proc/self/fd/%d", memory), order.Argv, order.Environ)
	return fmt.Errorf("execute %s as uid %d: %w", order.Argv[0], os.Geteuid(), err)
}

// sealed refuses anything but memory that stays as it was verified.
func sealed(fd int) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("what was sent is no sealed memory: %w", err)
	}
	if seals&Seals != Seals {
		return errors.New("what was sent is memory that somebody could still change")
	}
	return nil
}

// emptyInput puts /dev/null in the place of the order's socket.
func emptyInput() error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	defer unix.Close(null)
	if err := unix.Dup2(null, 0); err != nil {
		return os.NewSyscallError("dup2", err)
	}
	return nil
}

func isScript(fd int) (bool, error) {
	var head [2]byte
	n, err := unix.Pread(fd, head[:], 0)
	if err != nil {
		return false, os.NewSyscallError("pread", err)
	}
	return string(head[:n]) == "#!", nil
}
