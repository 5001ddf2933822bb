// Package impersonation holds the scenarios of area IMP: who a task runs as, that
// the switch is whole, and what happens where it is impossible.
package impersonation

import (
	"slices"

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

// ranSudo reports whether a sudo process was seen among those of the run.
func ranSudo(run *stage.Run) bool {
	return slices.ContainsFunc(run.Processes(), func(p proc.Process) bool { return p.Name == "sudo" })
}
