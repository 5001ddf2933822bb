package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// barrier is a FIFO at which a task waits. The stage keeps it open for reading
// and writing, so that opening it never blocks the task and reading it does.
type barrier struct {
	file  *os.File
	inode uint64
	dev   uint64

	released bool
}

// newBarrier creates the FIFO. Anybody may read it: the task does so as its user.
func newBarrier(dir, name string) (*barrier, error) {
	path := filepath.Join(dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("make barrier %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return nil, fmt.Errorf("open barrier %s to all: %w", path, err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open barrier %s: %w", path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("look at barrier %s: %w", path, err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return &barrier{file: file, inode: stat.Ino, dev: stat.Dev}, nil
}

// release gives the task that waits one byte.
func (b *barrier) release() error {
	if _, err := b.file.Write([]byte{'\n'}); err != nil {
		return fmt.Errorf("release barrier %s: %w", b.file.Name(), err)
	}
	return nil
}

func (b *barrier) close() { b.file.Close() }

// holder finds the process that has the FIFO open: the oldest one, if the task
// has given the descriptor to children.
func (b *barrier) holder() (proc.Process, error) {
	all, err := proc.All()
	if err != nil {
		return proc.Process{}, err
	}
	var holders []proc.Process
	for pid, p := range all {
		if pid != os.Getpid() && p.HasOpen(b.dev, b.inode) {
			holders = append(holders, p)
		}
	}
	if len(holders) == 0 {
		return proc.Process{}, errors.New("no process has " + b.file.Name() + " open")
	}
	return proc.ByStart(holders)[0], nil
}
