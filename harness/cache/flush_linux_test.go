package cache

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What is not known to be on disk gets no name, be it the entry or its record: both
// are a link here to what can be read or written, and not flushed.
func TestAnEntryIsOnDiskBeforeItHasItsName(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	for name, build := range map[string]func(e Entry, partial string) error{
		"entry": func(_ Entry, partial string) error { return os.Symlink("/proc/version", partial) },
		"record": func(e Entry, partial string) error {
			return errors.Join(os.WriteFile(partial, []byte("text"), 0o600), os.Symlink(os.DevNull, e.Path+recordSuffix+partialSuffix))
		},
	} {
		e := f.Entry(name)
		err := e.Read(t.Context(), Maker{What: "layer", Build: func(partial string, _ io.Writer) error { return build(e, partial) }}, func(io.Reader) error { return nil })
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
