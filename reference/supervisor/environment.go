package supervisor

import (
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// environment is what the task process is started with. After a switch it is the
// target's; sudo is given the same and makes its own of it. Without a switch the
// task has the worker's, as it has the worker's files.
func environment(worker []string, target impersonate.Account, switches bool, pass []string) []string {
	if switches {
		return impersonate.Environment(target, impersonate.Allowed(worker, pass...))
	}
	var kept []string
	for _, entry := range worker {
		// Airflow's runner takes these for signs that it switched already.
		if !strings.HasPrefix(entry, "_AIRFLOW_") && !strings.HasPrefix(entry, "__AIRFLOW_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// truthful replaces what environ says about the user: Airflow's runner, which decides
// itself whether to switch, takes LOGNAME or USER for the account that it runs as.
func truthful(environ []string, account string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{"LOGNAME", "USER", "LNAME", "USERNAME"}, name) // in the order of Python's getpass
	})
	return append(kept, "LOGNAME="+account, "USER="+account)
}
