package config

import (
	"fmt"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
)

const key = "core.default_impersonation"

// source says what one place has for default_impersonation: nothing at all, an empty text,
// or a user.
type source struct {
	called string
	set    bool
	user   string
}

var (
	files        = []source{{"no-file", false, ""}, {"empty-in-file", true, ""}, {"file", true, "airflowuser"}}
	environments = []source{{"no-variable", false, ""}, {"empty-variable", true, ""}, {"variable", true, "carol"}}
)

// combination is a task of a user, "" for one that names none, under what file and
// environment say. The clause is the one that it is about, the user whom it has to run as.
func combination(as string, file, variable source) (task stage.Task, clause, user string) {
	task = stage.Task{As: as, Verbs: stage.Verbs(stage.WaitFor("here"))}
	task.Name = fmt.Sprintf("%s-%s-%s", map[bool]string{true: "no-user", false: "user"}[as == ""], file.called, variable.called)
	if file.set {
		task.File = &stage.ConfigFile{Settings: map[string]string{key: file.user}}
	}
	if variable.set {
		task.Settings = map[string]string{key: variable.user}
	}
	switch {
	case as != "":
		return task, "IMP-034.task", as
	case file.set && variable.set:
		return task, "CFG-003.both", orOwn(variable.user)
	case file.set && file.user == "":
		return task, "CFG-003.empty-in-file", stage.WorkerAccount
	case file.set:
		return task, "CFG-003.file", file.user
	case variable.set && variable.user == "":
		return task, "CFG-003.empty-variable", stage.WorkerAccount
	case variable.set:
		return task, "CFG-003.variable", variable.user
	}
	return task, "", stage.WorkerAccount // nothing is set: IMP-001 says so, here it is a control
}

func orOwn(user string) string {
	if user == "" {
		return stage.WorkerAccount
	}
	return user
}

var taskFileAndEnvironment = stage.Spec{
	Slug: "task-file-and-environment",
	Says: "each combination of run_as_user, default_impersonation in the file and in the environment, where each may be absent or empty: " +
		"the task's user wins, else the environment's, else the file's, else the worker's own",
	Verifies: []string{
		"CFG-003.file", "CFG-003.variable", "CFG-003.empty-in-file", "CFG-003.empty-variable", "CFG-003.both",
		"IMP-034.task", "IMP-034.default",
	},
	Roles:  both,
	Budget: 3 * time.Minute,
	Run: func(s *stage.Stage) {
		for _, file := range files {
			for _, variable := range environments {
				for _, as := range []string{"", "randomuser"} {
					task, clause, user := combination(as, file, variable)
					run := s.Start(task)
					if clause == "" {
						s.Require("CFG-003.file").Equal("control: uid where nothing is set", run.At("here").UIDs[0], s.UID(user))
					} else {
						s.Require(clause).RunsAs(run, "here", user)
					}
					if as == "" && user != stage.WorkerAccount {
						s.Require("IMP-034.default").RunsAs(run, "here", user)
					}
					run.Release("here")
					run.Succeeds()
				}
			}
		}
	},
}
