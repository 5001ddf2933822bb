package logs

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

var eachRecordOnce = stage.Spec{
	Slug:     "each-record-once",
	Says:     "what alice's task says on log, stdout and stderr arrives once each, and no record twice or as text within another",
	Verifies: []string{"LOG-006"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		first, stdout, stderr, last := s.Nonce(), s.Nonce(), s.Nonce(), s.Nonce()
		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(
			stage.Log(first), stage.Print(stdout), stage.PrintError(stderr), stage.WaitFor("here"), stage.Log(last))})
		s.Require("LOG-006").RunsAs(run, "here", "alice")
		run.Release("here")
		e := run.Succeeds()
		for _, mark := range []string{first, stdout, stderr, last} {
			s.Require("LOG-006").Once("record of the task", run.TaskLog(), mark)
		}
		s.Require("LOG-006").Once("record of the task on the log channel", e.Channel, first)
		s.Require("LOG-006").Empty("records that hold a record as text", wrapped(e.Channel)...)
		s.Require("LOG-006").Contains("control: log channel", e.Channel, timeStamp)
		s.Require("LOG-006").Empty("records that occur twice", repeated(e.Channel)...)
	},
}

const lines = 50_000

var tailBeforeExit = stage.Spec{
	Slug:     "tail-before-exit",
	Says:     "50,000 lines that a task logs right before it exits without a word are complete, for the worker's own user and for alice",
	Verifies: []string{"LOG-002"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Budget:   120 * time.Second,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			for _, end := range []stage.Verb{stage.Exit(0), stage.SignalSelf("SIGKILL")} {
				mark := s.Nonce()
				run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Log(mark).With("count", lines), end)})
				e := run.EndWithin(60 * time.Second)
				s.Require("LOG-002").Count("lines in the log channel of "+run.Label(), e.Channel, mark, lines)
			}
		}
	},
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
	Slug:     "owner-of-the-log-file",
	Says:     "the task log files of the worker's own user and of alice have the same owner and mode, and neither is alice's",
	Verifies: []string{"LOG-007"},
	Alone: worker.Script(func(s *worker.Stage) {
		own := s.Start(stage.Task{Verbs: stage.Verbs(stage.Log(s.Nonce()))})
		own.Succeeds()
		alice := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.Log(s.Nonce()), stage.WaitFor("here"))})
		s.Require("LOG-007").RunsAs(alice, "here", "alice")
		alice.Release("here")
		alice.Succeeds()
		s.Require("LOG-007").Contains("control: owner of the worker's own log", own.LogFile(), fmt.Sprintf("uid %d ", s.UID(stage.WorkerAccount)))
		s.Require("LOG-007").Equal("owner and mode of alice's log", alice.LogFile(), own.LogFile())
	}),
}
