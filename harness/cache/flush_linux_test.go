package cache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What is not known to be on disk gets no name, be it the entry or its record: the
// entry is a link here to what can be read, and not flushed.
func TestAnEntryIsOnDiskBeforeItHasItsName(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	f.flush = func(path string) error {
		if filepath.Base(path) == "record"+recordSuffix+partialSuffix {
			return unix.EINVAL
		}
		return flush(path)
	}
	for name, build := range map[string]func(partial string) error{
		"entry":  func(partial string) error { return os.Symlink("/proc/version", partial) },
		"record": func(partial string) error { return os.WriteFile(partial, []byte("text"), 0o600) },
	} {
		e := f.Entry(name)
		err := e.Read(t.Context(), Maker{What: "layer", Build: func(partial string, _ io.Writer) error { return build(partial) }}, func(io.Reader) error { return nil })
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: got %v", name, err)
		}
		for _, path := range []string{e.Path, e.Path + recordSuffix} {
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%s: %s is there", name, path)
			}
		}
	}
}
