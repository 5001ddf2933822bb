package safefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Open opens the regular file at a path that a user named. Symbolic links are
// followed; a FIFO, a device or a folder is refused, and not waited for.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // first, since to open a device can do something
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info.Mode(), "")
	}
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return Terms{}.checked(file)
}

// Read returns the content of the regular file at a path that a user named. One
// that holds more than limit bytes is refused (ErrTooLarge).
func Read(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	return readAll(file, limit)
}

// readAll reads the file and closes it.
func readAll(file *os.File, limit int64) ([]byte, error) {
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("%s holds more than %d bytes: %w", file.Name(), limit, ErrTooLarge)
	}
	return content, nil
}

// at makes a system call on a descriptor, again when a signal interrupts it.
func at(file *os.File, call func(fd int) error) error {
	defer runtime.KeepAlive(file)
	for {
		if err := call(int(file.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
