package config

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var both = []role.Role{role.Runner, role.Worker}

var unreadableConfigurationFile = stage.Spec{
	Slug:     "unreadable-configuration-file",
	Says:     "a setting stands only in a 0600 file of the worker: it holds for alice's task, or the task fails before user code and names file and user",
	Verifies: []string{"CFG-002.effective", "CFG-002.no-default"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		own := s.Start(retriesFromFile(""))
		s.Require("CFG-002.effective").RunsAs(own, "here", stage.WorkerAccount)
		s.Require("CFG-002.effective").Equal("control: setting of the worker's own user", own.Result("retries"), "7")
		own.Release("here")
		own.Succeeds()

		alice := s.Start(retriesFromFile("alice"))
		if alice.AtOrEnded("here") {
			s.Require("CFG-002.effective").RunsAs(alice, "here", "alice")
			s.Require("CFG-002.effective").Equal("setting of alice's task", alice.Result("retries"), "7")
			alice.Release("here")
			alice.Succeeds()
		} else {
			refusesTheFile(s, alice, "alice")
		}
		noDefault(s, "alice")
	},
}

// retriesFromFile is a task that reports a setting which only the worker's own
// configuration file has, and whose default is 3.
func retriesFromFile(user string) stage.Task {
	return stage.Task{
		As: user, File: &stage.ConfigFile{Settings: map[string]string{"workers.missing_dag_retries": "7"}, Mode: 0o600},
		Verbs: stage.Verbs(stage.Setting("workers", "missing_dag_retries").Save("retries"), stage.WaitFor("here")),
	}
}

var allSettingsInAnUnreadableFile = stage.Spec{
	Slug:     "all-settings-in-an-unreadable-file",
	Says:     "every setting stands only in a 0600 file of the worker, and alice's task runs",
	Verifies: []string{"CFG-001"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		file := &stage.ConfigFile{Settings: map[string]string{"workers.missing_dag_retries": "7"}, Only: true, Mode: 0o600}
		run := s.Start(stage.Task{As: "alice", File: file, Verbs: stage.Verbs(
			stage.ReadFile(s.ConfigPath()).Catch().Save("file"), stage.Setting("workers", "missing_dag_retries").Save("retries"), stage.WaitFor("here"))})
		s.Require("CFG-001").RunsAs(run, "here", "alice")
		refused, _ := run.Result("file").(map[string]any)
		s.Require("CFG-001").Equal("control: alice cannot read the file", refused["error"], "EACCES")
		s.Require("CFG-001").Equal("setting of alice's task", run.Result("retries"), "7")
		run.Release("here")
		run.Succeeds()
	},
}
