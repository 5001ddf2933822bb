package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// TestWhatIsNoTaskLogIsAViolationThatNamesIt: a FIFO was waited for until the
// budget of the case had passed, and the target of a link was shown in all reports.
func TestWhatIsNoTaskLogIsAViolationThatNamesIt(t *testing.T) {
	for what, says := range map[string]string{
		"link":      `is a symbolic link to "/etc/shadow", not a regular file`,
		"FIFO":      "is a FIFO, not a regular file",
		"folder":    "is a folder, not a regular file",
		"two names": "is one of 2 names",
	} {
		t.Run(what, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
				s.Start(Task{Env: map[string]string{"FAKE_LOG": what}}).Succeeds()
			}})
			th.require(t, o, journal.Violated)
			if !strings.Contains(o.Actual, "logs/plain.log "+says) {
				t.Errorf("actual: %s", o.Actual)
			}
			if text := th.transcript() + fmt.Sprint(o); strings.Contains(text, "root:*") || strings.Contains(text, "root:!") {
				t.Error("the content of the target is shown")
			}
		})
	}
}

func TestAFileOfRootIsNoTaskLog(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
		s.must(os.WriteFile(s.Path("logs", "plain.log"), []byte("of-the-machine"), 0o600))
		s.Start(Task{Env: map[string]string{"FAKE_LOG": "nothing"}}).Succeeds()
	}})
	th.require(t, o, journal.Violated)
	if !strings.Contains(o.Actual, "belongs to uid 0") || strings.Contains(th.transcript()+o.Actual, "of-the-machine") {
		t.Errorf("actual: %s", o.Actual)
	}
}

func TestAViolationTellsOfALogAtAWrongPath(t *testing.T) {
	for what, says := range map[string]string{
		"elsewhere": "below base_log_folder lies wrong/place.log",
		"nothing":   "below base_log_folder lies nothing",
	} {
		for use, check := range map[string]func(*Stage, *Run){
			"owner":   func(s *Stage, r *Run) { r.LogFile() },
			"content": func(s *Stage, r *Run) { s.Require("IMP-004").Once("record", r.TaskLog(), "written") },
		} {
			t.Run(what+"/"+use, func(t *testing.T) {
				th := newTheatre(t)
				o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
					run := s.Start(Task{Env: map[string]string{"FAKE_LOG": what}})
					run.Succeeds()
					check(s, run)
				}})
				th.require(t, o, journal.Violated)
				for _, part := range []string{"no task log of plain at ", "/logs/plain.log", says} {
					if strings.Count(o.Actual, part) != 1 {
						t.Errorf("%q is not said once: %s", part, o.Actual)
					}
				}
			})
		}
	}
}

func TestAListOfLogsIsBounded(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
		for n := range 300 {
			s.must(os.WriteFile(s.Path("logs", fmt.Sprintf("%03d.log", n)), nil, 0o644))
		}
		s.must(os.MkdirAll(s.Path("logs", "a/b/c/d/e/f/g/h"), 0o755))
		s.must(syscall.Mkfifo(s.Path("logs", "!FIFO"), 0o644))
		s.Start(Task{Env: map[string]string{"FAKE_LOG": "nothing"}}).LogFile()
	}})
	th.require(t, o, journal.Violated)
	if got := strings.Count(o.Actual, ".log, "); got > maxListed || !strings.HasSuffix(o.Actual, "and more") {
		t.Errorf("%d files: %s", got, o.Actual)
	}
}

func TestAnExchangedFolderIsTheImplementationsDoing(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
		s.must(os.Chmod(s.Path(), 0o777)) // as sudo permits
		s.Start(Task{Env: map[string]string{"FAKE_LOG": "exchanged folder"}}).End()
	}})
	th.require(t, o, journal.Violated)
	if !strings.Contains(o.Actual, `logs is a symbolic link to "/etc", not a folder`) {
		t.Errorf("actual: %s", o.Actual)
	}

	th = newTheatre(t)
	before, err := os.Stat("/etc")
	if err != nil {
		t.Fatal(err)
	}
	o = th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		s.must(os.Remove(s.Path("logs")))
		s.must(os.Symlink("/etc", s.Path("logs")))
		s.Start(Task{})
	}})
	th.require(t, o, journal.Violated)
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
		"huge":   func(path string) error { return os.Truncate(path, maxFile+1) },
	} {
		for use, read := range map[string]func(*Stage, string){
			"text":   func(s *Stage, path string) { s.Text(path) },
			"digest": func(s *Stage, path string) { s.Digest(path) },
		} {
			t.Run(what+"/"+use, func(t *testing.T) {
				th := newTheatre(t)
				o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
					path := s.Path("planted")
					s.File(path, WorkerAccount, 0o644, "before")
					s.must(change(path))
					read(s, path)
				}})
				th.require(t, o, journal.Violated)
				if !strings.Contains(o.Actual, "/planted") {
					t.Errorf("actual: %s", o.Actual)
				}
			})
		}
	}
}

func TestAFIFOTellsWhatWasWrittenIntoIt(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
		path := s.Path("fifo")
		written := s.FIFO(path, 0o666)
		s.Require("IMP-004").Equal("nobody wrote", written(), "")
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		s.must(err)
		defer file.Close()
		s.Require("IMP-004").Equal("somebody holds it", written(), "")
		_, err = file.WriteString("a line")
		s.must(err)
		s.Require("IMP-004").Equal("somebody wrote", written(), "a line")
	}})
	th.require(t, o, journal.Held)
}

// TestCleanUpFollowsNoLinks: what a scenario gives a folder or writes is put back by
// root, when a task may have put a link in its place.
func TestCleanUpFollowsNoLinks(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o640); err != nil {
		t.Fatal(err)
	}
	th := newTheatre(t)
	place := t.TempDir()
	folder, file := filepath.Join(place, "folder"), filepath.Join(place, "file")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("before"), 0o666); err != nil {
		t.Fatal(err)
	}
	ended := th.Play(t.Context(), Spec{Verifies: []string{"IMP-004"}, Run: func(s *Stage) {
		s.Dir(folder, "alice", 0o700)
		s.File(file, "alice", 0o600, "during")
		s.Require("IMP-004").True("set up", true, "", "")
		for _, path := range []string{folder, file} {
			s.must(os.Remove(path))
			s.must(os.Symlink(victim, path))
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
