package stage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestAnExchangedFolderIsNotGivenAway(t *testing.T) {
	th := theatre.New(t)
	before, err := os.Stat("/etc")
	if err != nil {
		t.Fatal(err)
	}
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
		s.Must(os.Remove(s.Path("logs")))
		s.Must(os.Symlink("/etc", s.Path("logs")))
		s.Start(stage.Task{})
	}})
	th.Require(t, o, journal.Violated)
	if after, err := os.Stat("/etc"); err != nil || after.Sys().(*syscall.Stat_t).Uid != before.Sys().(*syscall.Stat_t).Uid || after.Mode() != before.Mode() {
		t.Errorf("/etc was given away: %v %v", after.Mode(), err)
	}
}

// TestAPlantedFileThatIsGoneIsTheImplementationsDoing: it was a harness error.
func TestAPlantedFileThatIsGoneIsTheImplementationsDoing(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"gone":   os.Remove,
		"a link": func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/etc/shadow", path)) },
		"a FIFO": func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
		"huge":   func(path string) error { return os.Truncate(path, 64<<20+1) },
	} {
		t.Run(what, func(t *testing.T) {
			th := theatre.New(t)
			o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
				path := s.Path("planted")
				s.File(path, stage.WorkerAccount, 0o644, "before")
				s.Must(change(path))
				s.Text(path)
			}})
			th.Require(t, o, journal.Violated)
			if !strings.Contains(o.Actual, "/planted") {
				t.Errorf("actual: %s", o.Actual)
			}
		})
	}
}

// TestCleanUpFollowsNoLinks: what a scenario gives a folder or writes is put back by
// root, when a task may have put a link in its place.
func TestCleanUpFollowsNoLinks(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o640); err != nil {
		t.Fatal(err)
	}
	th := theatre.New(t)
	place := t.TempDir()
	folder, file := filepath.Join(place, "folder"), filepath.Join(place, "file")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("before"), 0o666); err != nil {
		t.Fatal(err)
	}
	ended := th.Play(t.Context(), stage.Spec{Verifies: []string{"IMP-004"}, Run: func(s *stage.Stage) {
		s.Dir(folder, "alice", 0o700)
		s.File(file, "alice", 0o600, "during")
		s.Require("IMP-004").True("set up", true, "", "")
		for _, path := range []string{folder, file} {
			s.Must(os.Remove(path))
			s.Must(os.Symlink(victim, path))
		}
	}}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 300_000})
	if ended.Observation.Outcome != journal.Held || len(ended.Dirty) != 1 || !strings.Contains(ended.Dirty[0], "a symbolic link") {
		t.Errorf("ended as %+v", ended)
	}
	info, err := os.Stat(victim)
	text, _ := os.ReadFile(victim)
	if err != nil || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != 0 || string(text) != "precious" {
		t.Errorf("the victim is %v and holds %q (%v)", info.Mode(), text, err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "before" {
		t.Errorf("the file holds %q (%v)", text, err)
	}
}
