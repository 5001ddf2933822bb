package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Digest is what the verb read_file gives for a file, which is read as by Text.
func (s *Stage) Digest(path string) any {
	text := s.Text(path)
	sum := sha256.Sum256([]byte(text))
	return map[string]any{"size": len(text), "sha256": hex.EncodeToString(sum[:])}
}

// Text returns the content of a regular file. The last part of its path is not
// followed as a symbolic link. The scenario made the file, so that it is gone, has
// become something else or grew beyond measure is a violation of the first requirement.
func (s *Stage) Text(path string) string {
	text, err := readFile(path)
	for _, changed := range []error{fs.ErrNotExist, safefile.ErrNotRegular, safefile.ErrNotFolder, safefile.ErrTooLarge} {
		if errors.Is(err, changed) {
			s.changedFile(path, err)
		}
	}
	s.must(err)
	return string(text)
}

func (s *Stage) changedFile(path string, err error) {
	s.violated(s.first(), "a file of the scenario is gone or something else", "a regular file of no more than 64 MiB at "+path, err.Error())
}

// FIFO makes a FIFO of root for the time of the case, with exactly this mode, and
// opens it for reading: written returns what lies in it, or the first 64 KiB, and waits
// for nothing.
func (s *Stage) FIFO(path string, mode fs.FileMode) (written func() string) {
	s.restore(path)
	s.must(errors.Join(unix.Mkfifo(path, 0o600), os.Chmod(path, mode)))
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	s.must(err)
	s.undo = append(s.undo, func() error { return unix.Close(fd) })
	return func() string {
		text := make([]byte, 64<<10)
		n, err := unix.Read(fd, text)
		if !errors.Is(err, unix.EAGAIN) { // somebody holds it open and has written nothing
			s.must(err)
		}
		return string(text[:max(n, 0)])
	}
}

// Find returns all files below dir whose last part is name, FindDirs all
// directories. A directory that does not exist holds none.
func (s *Stage) Find(dir, name string) []string {
	return s.find(dir, func(entry fs.DirEntry) bool { return !entry.IsDir() && entry.Name() == name })
}

// FindDirs is described with Find.
func (s *Stage) FindDirs(dir, name string) []string {
	return s.find(dir, func(entry fs.DirEntry) bool { return entry.IsDir() && entry.Name() == name })
}

func (s *Stage) find(dir string, wanted func(fs.DirEntry) bool) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while it was walked
		}
		if err == nil && wanted(entry) {
			found = append(found, path)
		}
		return err
	})
	s.must(err)
	return found
}
