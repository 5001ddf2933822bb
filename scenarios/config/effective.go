package config

import (
	"regexp"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// option is one of the worker's settings: what its file says, what its environment says,
// and what is in force.
type option struct {
	section, key      string
	file, environment string
	effective         string
}

// options are of each kind: in a section of Airflow and of the user's own, in file, in
// environment and in both, and values that are not plain words.
var options = []option{
	{"workers", "missing_dag_retries", "7", "", "7"},
	{"workers", "missing_dag_retry_delay", "11", "13", "13"},
	{"core", "task_success_overtime", "", "17", "17"},
	{"mine", "colour", "green", "", "green"},
	{"mine", "both", "of the file", "of the environment", "of the environment"},
	{"mine", "variable", "", "of the environment", "of the environment"},
	{"mine", "street", "Straße 東京 \U0001F6B2", "", "Straße 東京 \U0001F6B2"},
	{"mine", "percent", "100 % of %(colour)s, 50%%", "", "100 % of %(colour)s, 50%%"},
	{"mine", "quotes", `"a" = 'b'; c: \d # e`, "", `"a" = 'b'; c: \d # e`},
	{"mine", "long", strings.Repeat("a long value ", 15_000) + "ends", "", strings.Repeat("a long value ", 15_000) + "ends"},
	{"mine", "of.three.parts", "with dots", "", "with dots"},
	{"mine", "empty", "", "", ""},
}

// withOptions is a task that reports all of them.
func withOptions(as, name string) stage.Task {
	task := stage.Task{
		As: as, Name: name, Settings: map[string]string{},
		File: &stage.ConfigFile{Settings: map[string]string{"mine.empty": ""}, Mode: 0o600},
	}
	for _, o := range options {
		if o.file != "" {
			task.File.Settings[o.section+"."+o.key] = o.file
		}
		if o.environment != "" {
			task.Settings[o.section+"."+o.key] = o.environment
		}
		task.Verbs = append(task.Verbs, stage.Setting(o.section, o.key).Save(o.section+"."+o.key))
	}
	task.Verbs = append(task.Verbs, stage.WaitFor("here"))
	return task
}

// areEffective requires that a task was told of each option what is in force.
func areEffective(c stage.Check, control string, run *stage.Run) {
	for _, o := range options {
		c.Equal(control+"setting ["+o.section+"] "+o.key+" of "+run.Label(), run.Result(o.section+"."+o.key), o.effective)
	}
}

var everyKindOfSetting = stage.Spec{
	Slug: "every-kind-of-setting",
	Says: "settings of the user's own, in file, environment and both, empty, long, non-ASCII and with a percent sign hold for alice and bob, " +
		"who cannot read the file, as for the worker's own user; or their tasks fail before user code and name file and user",
	Verifies: []string{"CFG-002.effective", "CFG-002.no-default"},
	Roles:    both,
	Budget:   2 * time.Minute,
	Run: func(s *stage.Stage) {
		own := s.Start(withOptions("", "own"))
		s.Require("CFG-002.effective").RunsAs(own, "here", stage.WorkerAccount)
		areEffective(s.Require("CFG-002.effective"), "control: ", own)
		own.Release("here")
		own.Succeeds()
		for _, user := range []string{"alice", "bob"} {
			run := s.Start(withOptions(user, ""))
			if run.AtOrEnded("here") {
				s.Require("CFG-002.effective").RunsAs(run, "here", user)
				areEffective(s.Require("CFG-002.effective"), "", run)
				run.Release("here")
				run.Succeeds()
			} else {
				refusesTheFile(s, run, user)
			}
			noDefault(s, user)
		}
	},
}

// refusesTheFile requires that a task failed before user code, and that one line names the
// configuration file and the user.
func refusesTheFile(s *stage.Stage, run *stage.Run, user string) {
	e := s.Require("CFG-002.effective").Failure(run)
	s.Require("CFG-002.effective").NoUserCode(run)
	s.Require("CFG-002.effective").LineWith("message of the failure", e.Log, regexp.QuoteMeta(s.ConfigPath()), stage.Name(user))
}

// noDefault requires that no configuration appeared where Airflow puts a default one.
func noDefault(s *stage.Stage, user string) {
	s.Require("CFG-002.no-default").Empty("configuration files in the home of "+user, s.Find(s.Account(user).Home, "airflow.cfg")...)
}
