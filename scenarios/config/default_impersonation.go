package config

import (
	"github.com/understudy-conformance/understudy/harness/stage"
)

const key = "core.default_impersonation"

var defaultImpersonationFromBothSources = stage.Spec{
	Slug:     "default-impersonation-from-both-sources",
	Says:     "default_impersonation from the environment and from the file have the same effect, and an empty one has none",
	Verifies: []string{"CFG-003"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		inFile := func(user string) *stage.ConfigFile {
			return &stage.ConfigFile{Settings: map[string]string{key: user}}
		}
		for _, c := range []struct {
			task stage.Task
			user string
		}{
			{stage.Task{Name: "environment", Settings: map[string]string{key: "airflowuser"}}, "airflowuser"},
			{stage.Task{Name: "file", File: inFile("airflowuser")}, "airflowuser"},
			{stage.Task{Name: "empty-environment", Settings: map[string]string{key: ""}}, stage.WorkerAccount},
			{stage.Task{Name: "empty-in-file", File: inFile("")}, stage.WorkerAccount},
			{stage.Task{Name: "empty-environment-over-file", File: inFile("airflowuser"), Settings: map[string]string{key: ""}}, stage.WorkerAccount},
		} {
			c.task.Verbs = stage.Verbs(stage.WaitFor("here"))
			run := s.Start(c.task)
			s.Require("CFG-003").RunsAs(run, "here", c.user)
			run.Release("here")
			run.Succeeds()
		}
	},
}
