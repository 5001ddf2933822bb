// Package impersonation holds the scenarios of area IMP: who a task runs as, that
// the switch is whole, and what happens where it is impossible.
package impersonation

import (
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// runsAs starts one task with a barrier and requires that it runs as the user
// and succeeds. It is the whole of the scenarios about the choice of the user.
func runsAs(requirement string, task stage.Task, user string) func(*stage.Stage) {
	return func(s *stage.Stage) {
		task.Verbs = stage.Verbs(stage.WaitFor("here"))
		run := s.Start(task)
		s.Require(requirement).RunsAs(run, "here", user)
		run.Release("here")
		run.Succeeds()
	}
}

// switched starts a task of a user that waits at barrier here, and requires as a control
// that it is that user: what follows means nothing else.
func switched(s *stage.Stage, c stage.Check, task stage.Task) (*stage.Run, proc.Process) {
	task.Verbs = append(task.Verbs, stage.WaitFor("here"))
	run := s.Start(task)
	p := run.At("here")
	c.Equal("control: uid of a task of "+task.As, p.UIDs[0], s.UID(task.As))
	return run, p
}
