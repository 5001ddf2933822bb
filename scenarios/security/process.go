package security

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var tokenInTheProcess = stage.Spec{
	Slug:     "token-in-the-process",
	Says:     "the process of a task, of the worker's own user as of alice, has the token neither in its memory nor behind a descriptor",
	Verifies: []string{"SEC-001.memory", "SEC-001.descriptor"},
	Roles:    []role.Role{role.Supervisor, role.Worker},
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.WaitFor("here"))})
			task := run.At("here")
			ti := run.TI()
			memory, err := task.Remembers(ti.Run, ti.Token, ti.Refreshed)
			s.Must(err)
			s.Require("SEC-001.memory").True("control: the run id in the memory of "+run.Label(), memory[0], "there", "not there: the memory cannot be searched")
			s.Require("SEC-001.memory").True("tokens in the memory of "+run.Label(), !memory[1] && !memory[2], "none", "a token is there")
			files, err := task.Opened(ti.Token, ti.Refreshed)
			s.Must(err)
			s.Require("SEC-001.descriptor").Empty("open files of "+run.Label()+" with a token in them", files...)
			run.Release("here")
			run.Succeeds()
		}
	},
}
