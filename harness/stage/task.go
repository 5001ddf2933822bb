package stage

import (
	"os"
	"slices"
	"time"
)

// Task is one task to be run by the implementation under test. The zero value
// is the task "probe" without run_as_user, with no verbs, under the worker
// account.
type Task struct {
	As    string // fixture user: task probe_<As>, whose run_as_user is that name; "" is task probe
	Name  string // label of the run in the journal; default As, numbered when it repeats
	Verbs []Verb

	Settings map[string]string // "section.key" -> value, as environment; wins over what every case sets
	File     *ConfigFile       // a configuration file for the worker
	Env      map[string]string // further environment of the worker
	Without  []string          // variables removed from the worker's environment after everything else
	Umask    os.FileMode       // of the worker; 0 is the stage's own, 022
	Worker   string            // account that runs the implementation: "airflow" (default), "root", another name, or a bare uid

	RunID         string // Dag run; default: one for the case, another where the task is already in it
	ShouldRetry   bool
	Mapped        bool // it is an instance of a mapped task: the one of MapIndex
	MapIndex      int
	Conf          map[string]any // further entries of dag_run.conf
	BundleName    string         // default "dags"
	BundleVersion string         // default none
	DagFile       string         // dag_rel_path; default: the probe file
	Secrets       []string       // texts that the journal must never show
}

// mapIndex is that of the task instance: -1 of a task that is not mapped.
func (t Task) mapIndex() int {
	if t.Mapped {
		return t.MapIndex
	}
	return -1
}

// ConfigFile is an airflow.cfg for one task, in the case's home folder (see
// Stage.ConfigPath), named by AIRFLOW_CONFIG.
type ConfigFile struct {
	Settings map[string]string // "section.key" -> value
	Owner    string            // default: the worker account
	Mode     os.FileMode       // default 0644
	Text     string            // instead of Settings: the file as it is
	Only     bool              // what every case sets goes into the file as well, and not into the environment
}

// Terminal is one message by which the implementation said how the task ended.
type Terminal struct {
	Type  string // SucceedTask, TaskState, RetryTask, ...; role worker: "state"
	State string // success, failed, up_for_retry, ...
	At    time.Time
}

// End is what is known of a run whose process has ended.
type End struct {
	ExitCode  int    // -1 if a signal ended it
	Signal    string // "SIGKILL"; "" if it exited
	Terminals []Terminal
	Open      bool // a surviving process still held a channel when the stage stopped reading

	Stdout, Stderr string
	Channel        string // role runner: log channel as received; role worker: the task log file
	Log            string // all of these together
}

// Told reports whether one of these states was reported.
func (e End) Told(states ...string) bool {
	return slices.ContainsFunc(e.Terminals, func(t Terminal) bool { return slices.Contains(states, t.State) })
}
