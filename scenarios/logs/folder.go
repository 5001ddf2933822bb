package logs

import (
	"errors"
	"os"
	"regexp"
	"syscall"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

var logFolderOfOthers = stage.Spec{
	Slug:     "log-folder-of-others",
	Says:     "a link to a file of the worker, a file of alice or a FIFO lies where the task log belongs: nothing is written, nothing waits, and server and caller are told",
	Verifies: []string{"LOG-011"},
	Alone: worker.Script(func(s *worker.Stage) {
		before, mark := s.Nonce()+"\n", s.Nonce()
		own := s.StartWithLog(stage.Task{Name: "control", Verbs: stage.Verbs(stage.Log(mark))}, func(log string) error {
			s.File(log, stage.WorkerAccount, 0o644, before)
			return nil
		})
		s.Require("LOG-011").Matches("control: the worker's own file, appended to", own.Succeeds().Channel, "^"+before+"(.*\n)*.*"+mark)

		private := s.Path("home", ".bashrc")
		s.File(private, stage.WorkerAccount, 0o644, before)
		var kept func() string // what lies behind the planted file now
		behind := func(path string) { kept = func() string { return s.Text(path) } }
		for _, planted := range []struct {
			name, keeps string
			in          func(log string) error
		}{
			{"symbolic-link", before, func(log string) error { behind(private); return os.Symlink(private, log) }},
			{"hard-link", before, func(log string) error { behind(private); return os.Link(private, log) }},
			{"file-of-alice", before, func(log string) error { behind(log); s.File(log, "alice", 0o666, before); return nil }},
			{"FIFO", "", func(log string) error { kept = fifo(s.Stage, log, 0o666); return nil }},
			{"FIFO-without-reader", "", func(log string) error { return errors.Join(syscall.Mkfifo(log, 0o600), os.Chmod(log, 0o666)) }},
		} {
			kept = nil
			run := s.StartWithLog(stage.Task{Name: planted.name, Verbs: stage.Verbs(stage.Log(s.Nonce()))}, planted.in)
			e := run.End()
			if kept != nil {
				s.Require("LOG-011").Equal("what the file behind the "+planted.name+" holds", kept(), planted.keeps)
			}
			s.Require("LOG-011").True("the server hears how the attempt with the "+planted.name+" ended", len(e.Terminals) > 0, "a state", "none")
			s.Require("LOG-011").Matches("what the supervisor prints about the "+planted.name, e.Stdout+e.Stderr, regexp.QuoteMeta(run.LogPath()))
		}
	}),
}
