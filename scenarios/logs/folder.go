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
	Verifies: []string{"LOG-011.path", "LOG-011.state", "LOG-011.symbolic-link", "LOG-011.hard-link", "LOG-011.foreign", "LOG-011.fifo"},
	Alone: worker.Script(func(s *worker.Stage) {
		before, mark := s.Nonce()+"\n", s.Nonce()
		own := s.StartWithLog(stage.Task{Name: "control", Verbs: stage.Verbs(stage.Log(mark))}, func(log string) error {
			s.File(log, stage.WorkerAccount, 0o644, before)
			return nil
		})
		s.Require("LOG-011.path").Matches("control: the worker's own file, appended to", own.Succeeds().Channel, "^"+before+"(.*\n)*.*"+mark)

		private := s.Path("home", ".bashrc")
		s.File(private, stage.WorkerAccount, 0o644, before)
		var kept func() string // what lies behind the planted file now
		behind := func(path string) { kept = func() string { return s.Text(path) } }
		for _, planted := range []struct {
			clause, name, keeps string

			in func(log string) error
		}{
			{"LOG-011.symbolic-link", "symbolic-link", before, func(log string) error { behind(private); return os.Symlink(private, log) }},
			{"LOG-011.hard-link", "hard-link", before, func(log string) error { behind(private); return os.Link(private, log) }},
			{"LOG-011.foreign", "file-of-alice", before, func(log string) error { behind(log); s.File(log, "alice", 0o666, before); return nil }},
			{"LOG-011.fifo", "FIFO", "", func(log string) error { kept = fifo(s.Stage, log, 0o666); return nil }},
			{"LOG-011.fifo", "FIFO-without-reader", "", func(log string) error { return errors.Join(syscall.Mkfifo(log, 0o600), os.Chmod(log, 0o666)) }},
		} {
			kept = nil
			run := s.StartWithLog(stage.Task{Name: planted.name, Verbs: stage.Verbs(stage.Log(s.Nonce()))}, planted.in)
			e := run.End()
			if kept != nil {
				s.Require(planted.clause).Equal("what the file behind the "+planted.name+" holds", kept(), planted.keeps)
			}
			s.Require("LOG-011.state").True("the server hears how the attempt with the "+planted.name+" ended", len(e.Terminals) > 0, "a state", "none")
			s.Require("LOG-011.path").Matches("what the supervisor prints about the "+planted.name, e.Stdout+e.Stderr, regexp.QuoteMeta(run.LogPath()))
		}
	}),
}
