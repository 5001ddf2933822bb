package logs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/internal/ordered"
)

var allRoles = []role.Role{role.Runner, role.Supervisor, role.Worker}

var eachRecordOnce = stage.Spec{
	Slug:     "each-record-once",
	Says:     "what alice's task says on log, stdout and stderr arrives once each, and no record twice or as text within another",
	Verifies: []string{"LOG-006.once", "LOG-006.wrapped"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		first, stdout, stderr, last := s.Nonce(), s.Nonce(), s.Nonce(), s.Nonce()
		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(
			stage.Log(first), stage.Print(stdout), stage.PrintError(stderr), stage.WaitFor("here"), stage.Log(last))})
		s.Require("LOG-006.once").RunsAs(run, "here", "alice")
		run.Release("here")
		e := run.Succeeds()
		for _, said := range []struct{ channel, mark string }{{"log, first", first}, {"stdout", stdout}, {"stderr", stderr}, {"log, last", last}} {
			s.Require("LOG-006.once").Once("record of the task, on "+said.channel, run.TaskLog(), said.mark)
		}
		s.Require("LOG-006.once").Once("record of the task on the log channel", e.Channel, first)
		s.Require("LOG-006.wrapped").Empty("records that hold a record as text", wrapped(e.Channel)...)
		s.Require("LOG-006.once").Contains("control: log channel", e.Channel, timeStamp)
		s.Require("LOG-006.once").Empty("records that occur twice", repeated(e.Channel)...)
	},
}

const lines = 50_000

var tailBeforeExit = stage.Spec{
	Slug:     "tail-before-exit",
	Says:     "50,000 lines that a task logs right before it exits without a word are complete and in order, for the worker's own user and for alice",
	Verifies: []string{"LOG-002.exit", "LOG-002.killed", "LOG-002.exit-impersonated", "LOG-002.killed-impersonated", "LOG-009"},
	Roles:    allRoles,
	Budget:   120 * time.Second,
	Run: func(s *stage.Stage) {
		for _, end := range endings {
			mark := s.Nonce()
			run := s.Start(stage.Task{As: end.user, Verbs: stage.Verbs(stage.Log(mark).With("count", lines), end.verb)})
			e := run.EndWithin(60 * time.Second)
			s.Require(end.clause).Count("lines in the log channel of "+run.Label(), e.Channel, mark, lines)
			s.Require("LOG-009").Empty("lines of "+run.Label()+" out of order", disordered(e.Channel, mark)...)
		}
	},
}

// endings are the ends of a task that LOG-002 names.
var endings = []struct {
	clause, user string
	verb         stage.Verb
}{
	{"LOG-002.exit", "", stage.Exit(0)},
	{"LOG-002.killed", "", stage.SignalSelf("SIGKILL")},
	{"LOG-002.exit-impersonated", "alice", stage.Exit(0)},
	{"LOG-002.killed-impersonated", "alice", stage.SignalSelf("SIGKILL")},
}

// unread are lines of a kilobyte that a socket holds while nobody reads it: as many as
// fit, so that a supervisor that stops to read at the end of a task has not read them.
const unread = 80

var unreadTail = stage.Spec{
	Slug: "unread-tail",
	Says: "while its supervisor is stopped, a task writes 80 KB on log, stdout and stderr each and exits or is killed: " +
		"when the supervisor goes on, all of it reaches the task log in its order",
	Verifies: []string{"LOG-002.exit", "LOG-002.killed", "LOG-002.exit-impersonated", "LOG-002.killed-impersonated", "LOG-009"},
	Budget:   120 * time.Second,
	Alone: worker.Script(func(s *worker.Stage) {
		for _, end := range endings {
			run, marks := writeUnread(s, end.clause, end.user, end.verb)
			for _, mark := range marks {
				s.Require(end.clause).Count(mark.channel+" of "+run.Label()+", of which nothing was read when it ended", run.TaskLog(), mark.text, unread)
				s.Require("LOG-009").Empty("lines of "+mark.channel+" of "+run.Label()+" out of order", disordered(run.TaskLog(), mark.text)...)
			}
		}
	}),
}

var unreadChannels = stage.Spec{
	Slug:     "unread-channels",
	Says:     "while its supervisor is stopped, a task writes 80 KB on log, stdout and stderr each and ends: when it goes on, all of it reaches the task log",
	Verifies: []string{"LOG-001.stdout", "LOG-001.stderr", "LOG-001.log"},
	Budget:   120 * time.Second,
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		for _, user := range []string{"", "alice"} {
			run, marks := writeUnread(s, "LOG-001.log", user, stage.Exit(7))
			for _, mark := range marks {
				s.Require("LOG-001."+mark.channel).Count(mark.channel+" of "+run.Label()+", of which nothing was read when it ended", run.TaskLog(), mark.text, unread)
			}
		}
	}),
}

// marked is what a task writes to a channel: the text begins each line.
type marked struct{ channel, text string }

// writeUnread has a task write to all channels and end like that, while nobody of its
// supervisor runs: all that it wrote is unread when it ends. It returns once the
// supervisor, which goes on then, has ended.
func writeUnread(s *worker.Stage, clause, user string, end stage.Verb) (*worker.Run, []marked) {
	marks := []marked{{"stdout", s.Nonce()}, {"stderr", s.Nonce()}, {"log", s.Nonce()}}
	gate := s.NewGate()
	verbs := stage.Verbs(stage.Log("opens the channel"), gate.Wait())
	for _, mark := range marks {
		text := mark.text + strings.Repeat(" x", 500)
		verbs = append(verbs, stage.Log(text).With("channel", mark.channel).With("count", unread))
	}
	run := s.Start(stage.Task{As: user, Verbs: slices.Concat(stage.Verbs(stage.WaitFor("here")), verbs, stage.Verbs(end))})
	task := run.At("here")
	run.Release("here")
	s.Require(clause).True("control: "+run.Label()+" waits to write", gate.Reached(), "it reads a FIFO", "it does not")
	thaw := run.Freeze(task)
	gate.Open()
	left := s.Over(s.Stretched(stage.DefaultPatience), task)
	thaw()
	s.Require(clause).Empty("control: tasks that have not ended while nobody reads", left...)
	run.End()
	return run, marks
}

var failureBeforeTheLogChannel = stage.Spec{
	Slug:     "failure-before-the-log-channel",
	Says:     "the switch to ghost fails before anything can log, and the task log says why all the same",
	Verifies: []string{"LOG-008"},
	Roles:    []role.Role{role.Worker},
	Run: func(s *stage.Stage) {
		e := s.Start(stage.Task{As: "ghost", Verbs: stage.Verbs(stage.PushXCom("ran", true))}).Fails()
		s.Require("LOG-008").Matches("task log", e.Channel, stage.Name("ghost"))
	},
}

var ownerOfTheLogFile = stage.Spec{
	Slug: "owner-of-the-log-file",
	Says: "the task log files of the worker's own user, of alice and of bob have the same owner and mode, no task has its own open, " +
		"and a second attempt appends to that of the first",
	Verifies: []string{"LOG-007.owner", "LOG-007.mode", "LOG-007.writer", "LOG-007.appends"},
	Alone: supervisor.WithWorker(func(s *worker.Stage) {
		var own worker.LogFile
		for _, user := range []string{stage.WorkerAccount, "alice", "bob"} {
			first, second := s.Nonce(), s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Log(first), stage.WaitFor("here"))})
			task := s.Require("LOG-007.owner").RunsAs(run, "here", user)
			file := run.LogFile()
			s.Require("LOG-007.writer").True("task log of "+run.Label()+", as the task has it", !task.HasOpen(file.Device, file.Inode),
				"no descriptor of the task is the file", "one is")
			run.Release("here")
			run.Succeeds()
			file = run.LogFile()
			if user == stage.WorkerAccount {
				own = file
				s.Require("LOG-007.owner").Contains("control: owner of the worker's own log", file.Owner, fmt.Sprintf("uid %d ", s.UID(user)))
			}
			s.Require("LOG-007.owner").Equal("owner of the log of "+run.Label(), file.Owner, own.Owner)
			s.Require("LOG-007.mode").Equal("mode of the log of "+run.Label(), file.Mode, own.Mode)

			again := s.StartWithLog(stage.Task{As: user, Name: "again-" + user, Verbs: stage.Verbs(stage.Log(second))}, run.MoveLog)
			log := again.Succeeds().Channel
			s.Require("LOG-007.appends").Once("record of the first attempt, in the log that the second goes on with", log, first)
			s.Require("LOG-007.appends").Once("record of the second attempt", log, second)
			s.Require("LOG-007.owner").Equal("owner of the log after the second attempt of "+run.Label(), again.LogFile().Owner, own.Owner)
		}
	}),
}

var outputOfATask = stage.Spec{
	Slug:     "output-of-a-task",
	Says:     "what a task prints is a record of level info from task.stdout, and of level error from task.stderr",
	Verifies: []string{"LOG-004.stdout", "LOG-004.stderr"},
	Roles:    []role.Role{role.Supervisor, role.Worker},
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			out, err := s.Nonce(), s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Print(out), stage.PrintError(err))})
			run.Succeeds()
			for _, printed := range []struct{ clause, mark, level, logger string }{
				{"LOG-004.stdout", out, "info", "task.stdout"}, {"LOG-004.stderr", err, "error", "task.stderr"},
			} {
				s.Require(printed.clause).Equal("level and logger of what "+run.Label()+" printed", levelOf(run.TaskLog(), printed.mark),
					map[string]any{"level": printed.level, "logger": printed.logger})
			}
		}
	},
}

var lastLineWithoutBreak = stage.Spec{
	Slug:     "last-line-without-break",
	Says:     "the last line that a runner prints on stdout and stderr before it exits has no line break, and is kept",
	Verifies: []string{"LOG-004.last-line"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			out, err := s.Nonce(), s.Nonce()
			run := s.Start(stage.Task{As: user}, supervisor.Raw("stdout", "first\n"+out), supervisor.Raw("stderr", err), supervisor.Do(stage.Exit(3)))
			run.End()
			for channel, mark := range ordered.Pairs(map[string]string{"stdout": out, "stderr": err}) {
				s.Require("LOG-004.last-line").True("last line of "+channel+" of "+run.Label()+", which has no line break", levelOf(run.TaskLog(), mark) != nil,
					"a record of it", "none")
			}
		}
	}),
}

var oddRecords = stage.Spec{
	Slug:     "odd-records",
	Says:     "a runner logs lines that are no records: each is kept, and so is what comes after it",
	Verifies: []string{"LOG-003.malformed", "LOG-003.no-object", "LOG-003.no-level", "LOG-003.unknown-level", "LOG-003.bad-time", "LOG-003.invalid-utf8", "LOG-003.goes-on"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		for _, user := range []string{"", "alice"} {
			for _, odd := range oddLines {
				mark, after := s.Nonce(), s.Nonce()
				run := s.Start(stage.Task{As: user, Name: odd.clause}, supervisor.Raw("log", strings.ReplaceAll(odd.line, "MARK", mark)+"\n"),
					supervisor.Do(stage.Log(after)), supervisor.Push("goes-on", true))
				run.Succeeds()
				s.Require("LOG-003."+odd.clause).Contains("task log, after the line "+fmt.Sprintf("%q", odd.line), run.TaskLog(), mark)
				s.Require("LOG-003.goes-on").Once("record after the line "+fmt.Sprintf("%q", odd.line), run.TaskLog(), after)
			}
		}
	}),
}

// oddLines are lines of the log channel that are no records as they should be.
var oddLines = []struct{ clause, line string }{
	{"malformed", `{"level": "info", "event": "MARK`},
	{"malformed", `MARK`},
	{"no-object", `["MARK"]`},
	{"no-object", `"MARK"`},
	{"no-level", `{"event": "MARK"}`},
	{"unknown-level", `{"level": "grave", "event": "MARK"}`},
	{"unknown-level", `{"level": 7, "event": "MARK"}`},
	{"bad-time", `{"level": "info", "timestamp": "yesterday", "event": "MARK"}`},
	{"bad-time", `{"level": "info", "timestamp": {}, "event": "MARK"}`},
	{"invalid-utf8", "{\"level\": \"info\", \"event\": \"\xff\xfe MARK\"}"},
}
