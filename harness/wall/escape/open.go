package escape

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// absent turns errors that say that there is nothing to try.
func absent(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return err
}

// opens tries to open any of the paths.
func opens(flags int, patterns ...string) func(Outside) error {
	return func(Outside) error {
		return first(patterns, func(path string) error {
			fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
			if err != nil {
				return absent(&os.PathError{Op: "open", Path: path, Err: err})
			}
			return unix.Close(fd)
		})
	}
}

// first tries all paths until one gets through; what refused the first stands for all.
func first(patterns []string, try func(path string) error) error {
	var refused error
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			err := try(path)
			if err == nil {
				return nil
			}
			if refused == nil || errors.Is(refused, errAbsent) {
				refused = err
			}
		}
	}
	if refused == nil {
		return fmt.Errorf("%w: %s", errAbsent, strings.Join(patterns, ", "))
	}
	return refused
}

// reads tries to read something.
func reads(path string) func(Outside) error {
	return func(Outside) error {
		file, err := os.Open(path)
		if err != nil {
			return absent(err)
		}
		defer file.Close()
		if n, err := file.Read(make([]byte, 64)); n == 0 {
			return fmt.Errorf("%w: %s is empty: %v", errRefused, path, err)
		}
		return nil
	}
}

func lists(path string) func(Outside) error {
	return func(Outside) error {
		entries, err := os.ReadDir(path)
		if err != nil {
			return absent(err)
		}
		if len(entries) == 0 {
			return fmt.Errorf("%w: %s is empty", errRefused, path)
		}
		return nil
	}
}

// temporary is a name in a folder that everybody may write.
func temporary(name string) string {
	return filepath.Join("/tmp", fmt.Sprintf("understudy-escape-%d-%s", os.Getpid(), name))
}
