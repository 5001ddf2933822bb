package security

import (
	"fmt"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var supervisorNotDumpable = stage.Spec{
	Slug:     "supervisor-not-dumpable",
	Says:     "a task of the worker's own user reads neither environ nor mem of the process that supervises another task",
	Verifies: []string{"SEC-002.environ", "SEC-002.mem"},
	Roles:    []role.Role{role.Worker},
	Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.WaitFor("here"))})
		task := run.At("here")
		thief := peek(s, stage.Task{Name: "thief"}, task.PPID)
		s.Require("SEC-002.environ").Equal("error of a task of the same user that reads environ of the supervisor", refusal(thief.Result("environ")), "EACCES")
		s.Require("SEC-002.mem").Equal("error of a task of the same user that reads mem of the supervisor", refusal(thief.Result("mem")), "EACCES")
		run.Release("here")
		run.Succeeds()
	},
}

var runnerNotDumpable = stage.Spec{
	Slug:     "runner-not-dumpable",
	Says:     "a task of the worker's own user, and one of alice, cannot read the environ of another task of the same user",
	Verifies: []string{"SEC-003.own", "SEC-003.after-exec"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		for _, user := range []struct{ name, clause string }{{"", "SEC-003.own"}, {"alice", "SEC-003.after-exec"}} {
			run := s.Start(stage.Task{As: user.name, Verbs: stage.Verbs(stage.WaitFor("here"))})
			task := run.At("here")
			thief := peek(s, stage.Task{As: user.name}, task.PID)
			s.Require(user.clause).Equal("error of another task of the user that reads environ of "+run.Label(), refusal(thief.Result("environ")), "EACCES")
			run.Release("here")
			run.Succeeds()
		}
	},
}

// peek has a task read environ and mem of a process.
func peek(s *stage.Stage, task stage.Task, pid int) *stage.Run {
	of := func(process any, file string) stage.Verb {
		return stage.ReadFile(fmt.Sprintf("/proc/%v/%s", process, file)).Catch().Save(file)
	}
	task.Verbs = stage.Verbs(of(pid, "environ"), of(pid, "mem"))
	run := s.Start(task)
	run.Succeeds()
	return run
}

// refusal is the name of the error with which a verb failed, nil of one that did not.
func refusal(result any) any {
	fields, _ := result.(map[string]any)
	return fields["error"]
}
