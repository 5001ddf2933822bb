package tasklog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// stranger is the uid of somebody else.
const stranger = 62903

// planted puts something else in the place of a task log. The victim is a file of
// somebody else's choice.
var planted = map[string]struct {
	plant func(log, victim string) error
	want  error
}{
	"symbolic link": {func(log, victim string) error { return os.Symlink(victim, log) }, safefile.ErrNotRegular},
	"dangling link": {func(log, victim string) error { return os.Symlink(victim+"-absent", log) }, safefile.ErrNotRegular},
	"hard link":     {func(log, victim string) error { return os.Link(victim, log) }, safefile.ErrLinks},
	"FIFO":          {func(log, _ string) error { return syscall.Mkfifo(log, 0o666) }, safefile.ErrNotRegular},
	"folder":        {func(log, _ string) error { return os.Mkdir(log, 0o777) }, safefile.ErrNotRegular},
	"somebody else's file": {func(log, _ string) error {
		return errors.Join(os.WriteFile(log, nil, 0o666), os.Chown(log, stranger, -1))
	}, safefile.ErrOwner},
}

func TestTaskLogIsNothingButAFileOfOurOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("gives a file to somebody else")
	}
	for name, p := range planted {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			victim, log := filepath.Join(dir, ".bashrc"), filepath.Join(dir, "logs", "dag", "next.log")
			if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o644), os.MkdirAll(filepath.Dir(log), 0o777), p.plant(log, victim)); err != nil {
				t.Fatal(err)
			}
			path := "dag/next.log"
			opened, err := Open(filepath.Join(dir, "logs"), &path, io.Discard, NewMasker(5, nil))
			if err == nil {
				opened.Close()
			}
			if !errors.Is(err, p.want) || !strings.Contains(err.Error(), log) {
				t.Errorf("got %v, want %v of %s", err, p.want, log)
			}
			if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
				t.Errorf("the victim holds %q (%v)", text, err)
			}
			if _, err := os.Lstat(victim + "-absent"); err == nil {
				t.Error("a file was made at the end of the link")
			}
		})
	}
}

func TestTaskLogFolderMayBeALinkAndNothingBelowIt(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "disk", "real"), 0o755), os.Symlink("disk", filepath.Join(dir, "logs")),
		os.Symlink("real", filepath.Join(dir, "disk", "linked")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]error{
		"a.log": nil, "new/deep/a.log": nil, "real/a.log": nil, "linked/a.log": safefile.ErrNotFolder, "../a.log": safefile.ErrName,
	} {
		for range 2 { // a resumed task appends
			log, err := Open(filepath.Join(dir, "logs"), &path, io.Discard, NewMasker(5, nil))
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", path, err, want)
			}
			if err == nil {
				log.Record("info", "said")
				log.Close()
			}
		}
		if want != nil {
			continue
		}
		if text, _ := os.ReadFile(filepath.Join(dir, "disk", path)); strings.Count(string(text), "said") != 2 {
			t.Errorf("%s holds %q", path, text)
		}
	}
}

func TestTaskLogAppends(t *testing.T) {
	dir := t.TempDir()
	path := "dag/run/attempt=1.log"
	for range 2 {
		log, err := Open(dir, &path, nil, NewMasker(5, nil))
		if err != nil {
			t.Fatal(err)
		}
		log.Record("info", "e", "error", errors.New("x"), "list", []string{"a"}, "odd", func() {})
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil || strings.Count(string(got), "\n") != 2 || !strings.Contains(string(got), `"error":"x","list":["a"],"odd":"(not shown: json: unsupported type: func())"}`) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Open("/proc/none", &path, nil, nil); err == nil || !strings.Contains(err.Error(), "open task log") {
		t.Errorf("%v", err)
	}
}

func TestTaskLogReportsWhatItLost(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	log := &Log{w: full, file: full, mask: NewMasker(5, nil)}
	log.Record("info", "e")
	if err := log.Close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v", err)
	}
}
