package impersonation

import (
	"maps"
	"slices"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var markersInEnvironment = stage.Spec{
	Slug:     "markers-in-environment",
	Says:     "all variables that a switched process was given stand in the worker's environment beside Airflow's marker, and tasks of alice and bob are switched all the same",
	Verifies: []string{"IMP-005"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		worker := stage.Task{Env: given(s)}
		for _, user := range []string{"alice", "bob"} {
			worker.As = user
			runsAs("IMP-005", worker, user)(s)
		}
	},
}

// given runs a task of alice and returns the variables that her process was given at its
// start, and those of all others of the run, as far as the worker has none of that name.
// Whatever an implementation tells its second start by is among them. Beside it stands
// Airflow's marker, and what sudo sets in all processes, also if nothing of it was seen.
func given(s *stage.Stage) map[string]string {
	run, alice := switched(s, s.Require("IMP-005"), stage.Task{As: "alice", Name: "before"})
	found := map[string]string{
		"_AIRFLOW__REEXECUTED_PROCESS": "1", "SUDO_COMMAND": "/usr/bin/env", "SUDO_USER": account.Worker, "SUDO_UID": "61001", "SUDO_GID": "61001",
	}
	for _, p := range run.Processes() {
		if p.Alive() && p.HasUID(alice.UIDs[0]) {
			maps.Copy(found, environment(s, p))
		}
	}
	maps.DeleteFunc(found, func(name, _ string) bool {
		return slices.Contains([]string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "AIRFLOW_HOME", "AIRFLOW_CONFIG"}, name)
	})
	run.Release("here")
	run.Succeeds()
	return found
}
