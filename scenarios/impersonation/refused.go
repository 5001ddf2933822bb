package impersonation

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// code is what a task does that may be refused: what it pushes shows that it ran, and at
// the barrier it is seen as whom.
func code(s *stage.Stage) []stage.Verb {
	return stage.Verbs(stage.PushXCom("ran", s.Nonce()), stage.WaitFor("here"))
}

// runs is the control before a refusal: the same code, of a user for whom it runs.
func runs(s *stage.Stage, clause string, task stage.Task, user string) {
	task.Verbs = code(s)
	run := s.Start(task)
	s.Require(clause).RunsAs(run, "here", user)
	run.Release("here")
	run.Succeeds()
}

// refused requires that a task fails before its code runs, and that one line of its log
// matches all patterns.
func refused(s *stage.Stage, clause string, task stage.Task, patterns ...string) {
	task.Verbs = code(s)
	run := s.Start(task)
	e := s.Require(clause).Refused(run, "here")
	s.Require(clause).LineWith("log of the task of "+run.Label(), e.Log, patterns...)
}

// forbidden requires that a task of alice fails before its code runs, with her name and
// with what sudo said in its log. A runner that sudo replaces cannot say both in one line.
func forbidden(s *stage.Stage, clause string) {
	run := s.Start(stage.Task{As: "alice", Verbs: code(s)})
	e := s.Require(clause).Refused(run, "here")
	s.Require(clause).Matches("user in the log of the task", e.Log, stage.Name("alice"))
	s.Require(clause).Matches("cause in the log of the task", e.Log, `(?i)password is required|not allowed|not permitted`)
}

// soon is within what time a task has to run or to fail where sudo does not do what the
// runner counts on (IMP-035).
const soon = 10 * time.Second

// neverHangs requires that a task comes to its barrier soon, or ends.
func neverHangs(s *stage.Stage, clause string, run *stage.Run) {
	limit := s.Stretched(soon)
	for end := time.Now().Add(limit); !run.Pushed("at_here") && !run.EndsWithin(50*time.Millisecond); {
		if time.Now().After(end) {
			s.Require(clause).Fails("the task neither runs nor fails", "within "+limit.String()+" its code runs, or it has ended", "it lives, and no code of it runs")
		}
	}
}

// aliceOrRefused requires that a task of alice runs as alice, where the switch needs less
// than others do, or that it fails with the cause before its code runs.
func aliceOrRefused(s *stage.Stage, clause, cause string) {
	run := s.Start(stage.Task{As: "alice", Verbs: code(s)})
	neverHangs(s, clause, run)
	if run.AtOrEnded("here") {
		s.Require(clause).RunsAs(run, "here", "alice")
		run.Release("here")
		run.Succeeds()
		return
	}
	e := s.Require(clause).Failure(run)
	s.Require(clause).NoUserCode(run)
	s.Require(clause).Matches("user in the log of the task", e.Log, stage.Name("alice"))
	s.Require(clause).Matches("cause in the log of the task", e.Log, cause)
}
