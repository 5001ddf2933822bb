package supervisor

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

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
		return errors.Join(os.WriteFile(log, nil, 0o666), os.Chown(log, bobUID, -1))
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
			opened, err := OpenTaskLog(filepath.Join(dir, "logs"), &path, io.Discard, NewMasker(5, nil))
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
			log, err := OpenTaskLog(filepath.Join(dir, "logs"), &path, io.Discard, NewMasker(5, nil))
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

// TestATaskWhoseLogIsAFIFOHoldsUpNothing: three of them kept their slots once, and
// the server from its end.
func TestATaskWhoseLogIsAFIFOHoldsUpNothing(t *testing.T) {
	s := newSite(t)
	if err := os.MkdirAll(filepath.Join(s.dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	v := s.serve() // its end is asked for, and waited for, after the test
	for n := range 3 {
		fifo := filepath.Join(s.dir, "logs", ti(n)+".log")
		if err := syscall.Mkfifo(fifo, 0o666); err != nil {
			t.Fatal(err)
		}
		o, err := v.submit(n, "probe")
		if err == nil || o.State != "failed" || !strings.Contains(err.Error(), fifo+" is a FIFO") {
			t.Errorf("outcome %+v (%v)", o, err)
		}
		if !strings.Contains(v.stderr.String(), fifo) {
			t.Errorf("the server does not name the FIFO: %s", v.stderr)
		}
	}
	if o, err := v.submit(3, "probe"); err != nil || o.State != "success" {
		t.Errorf("a task with a log: outcome %+v (%v)", o, err)
	}
}

func TestRunTellsTheServerAndTheCallerOfALogThatIsRefused(t *testing.T) {
	s := newSite(t)
	log := filepath.Join(s.dir, "logs", "task.log")
	if err := errors.Join(os.MkdirAll(filepath.Dir(log), 0o755), syscall.Mkfifo(log, 0o666)); err != nil {
		t.Fatal(err)
	}
	r := s.start("probe")
	if code := s.finish(r); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(r.stderr.String(), log+" is a FIFO") {
		t.Errorf("stderr: %s", r.stderr)
	}
	if states := s.api.states(); !slices.Equal(states, []string{"failed"}) {
		t.Errorf("states: %v", states)
	}
}
