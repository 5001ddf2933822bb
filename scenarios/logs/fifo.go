package logs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// fifo makes a FIFO of root for the time of the case, with exactly this mode, and opens
// it for reading: written returns what lies in it, or the first 64 KiB, and waits for
// nothing.
func fifo(s *stage.Stage, path string, mode fs.FileMode) (written func() string) {
	s.Must(errors.Join(unix.Mkfifo(path, 0o600), os.Chmod(path, mode)))
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	s.Must(err)
	s.Finally(func() error { return unix.Close(fd) })
	return func() string {
		text := make([]byte, 64<<10)
		n, err := unix.Read(fd, text)
		if !errors.Is(err, unix.EAGAIN) { // somebody holds it open and has written nothing
			s.Must(err)
		}
		return string(text[:max(n, 0)])
	}
}
