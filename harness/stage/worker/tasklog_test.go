package worker_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/theatre"
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
			th := theatre.New(t)
			o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
				s.Start(stage.Task{Env: map[string]string{"FAKE_LOG": what}}).Succeeds()
			}})
			th.Require(t, o, journal.Violated)
			if !strings.Contains(o.Actual, "logs/plain.log "+says) {
				t.Errorf("actual: %s", o.Actual)
			}
			if text := th.Transcript() + fmt.Sprint(o); strings.Contains(text, "root:*") || strings.Contains(text, "root:!") {
				t.Error("the content of the target is shown")
			}
		})
	}
}

func TestAFileOfRootIsNoTaskLog(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
		s.Must(os.WriteFile(s.Path("logs", "plain.log"), []byte("of-the-machine"), 0o600))
		s.Start(stage.Task{Env: map[string]string{"FAKE_LOG": "nothing"}}).Succeeds()
	}})
	th.Require(t, o, journal.Violated)
	if !strings.Contains(o.Actual, "belongs to uid 0") || strings.Contains(th.Transcript()+o.Actual, "of-the-machine") {
		t.Errorf("actual: %s", o.Actual)
	}
}

func TestAViolationTellsOfALogAtAWrongPath(t *testing.T) {
	for what, says := range map[string]string{
		"elsewhere": "below base_log_folder lies wrong/place.log",
		"nothing":   "below base_log_folder lies nothing",
	} {
		for use, check := range map[string]func(*worker.Stage, *worker.Run){
			"owner":   func(_ *worker.Stage, r *worker.Run) { r.LogFile() },
			"content": func(s *worker.Stage, r *worker.Run) { s.Require("IMP-004").Once("record", r.TaskLog(), "written") },
		} {
			t.Run(what+"/"+use, func(t *testing.T) {
				th := theatre.New(t)
				o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
					run := s.Start(stage.Task{Env: map[string]string{"FAKE_LOG": what}})
					run.Succeeds()
					check(s, run)
				})})
				th.Require(t, o, journal.Violated)
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
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Alone: worker.Script(func(s *worker.Stage) {
		for n := range 300 {
			s.Must(os.WriteFile(s.Path("logs", fmt.Sprintf("%03d.log", n)), nil, 0o644))
		}
		s.Must(os.MkdirAll(s.Path("logs", "a/b/c/d/e/f/g/h"), 0o755))
		s.Must(syscall.Mkfifo(s.Path("logs", "!FIFO"), 0o644))
		s.Start(stage.Task{Env: map[string]string{"FAKE_LOG": "nothing"}}).LogFile()
	})})
	th.Require(t, o, journal.Violated)
	if got := strings.Count(o.Actual, ".log, "); got > 20 || !strings.HasSuffix(o.Actual, "and more") {
		t.Errorf("%d files: %s", got, o.Actual)
	}
}

func TestAnExchangedFolderIsTheImplementationsDoing(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
		s.Must(os.Chmod(s.Path(), 0o777)) // as sudo permits
		s.Start(stage.Task{Env: map[string]string{"FAKE_LOG": "exchanged folder"}}).End()
	}})
	th.Require(t, o, journal.Violated)
	if !strings.Contains(o.Actual, `logs is a symbolic link to "/etc", not a folder`) {
		t.Errorf("actual: %s", o.Actual)
	}

}
