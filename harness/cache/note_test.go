package cache

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever owns the cache may have put anything into it: that is an error, and never waited for.
func TestWhatIsNoFileBesideANoteIsAnErrorAtOnce(t *testing.T) {
	for suffix, name := range map[string]string{lockSuffix: "lock", recordSuffix: "record"} {
		for what, put := range map[string]func(path string) error{
			"a FIFO":                    func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a link that leads nowhere": func(path string) error { return os.Symlink("/nonexistent/folder/file", path) },
			"a device":                  func(path string) error { return os.Symlink("/dev/zero", path) },
		} {
			f, _ := opened(t, t.TempDir())
			e := f.Entry("note")
			must(t, e.Note(t.Context(), 100, func([]byte) ([]byte, error) { return []byte("text"), nil }))
			must(t, os.Remove(e.Path+suffix))
			must(t, put(e.Path+suffix))
			began := time.Now()
			if text, err := e.Recall(t.Context(), 100); err == nil || suffix == recordSuffix && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s is %s: got %q, %v, want an error", name, what, text, err)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("%s is %s: that took %s", name, what, took)
			}
		}
	}
}

func TestANoteThatNobodyCouldReadIsNotWritten(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	e := f.Entry("note")
	write := func(text string) error {
		return e.Note(t.Context(), 10, func([]byte) ([]byte, error) { return []byte(text), nil })
	}
	must(t, write("short"))
	if err := write(strings.Repeat("x", 11)); err == nil {
		t.Error("11 octets were written, and the limit is 10")
	}
	if text, err := e.Recall(t.Context(), 10); err != nil || string(text) != "short" {
		t.Errorf("got %q, %v, want what was there before", text, err)
	}
}
