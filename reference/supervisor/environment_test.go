package supervisor

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

func TestEnvironmentOfATask(t *testing.T) {
	worker := []string{"LANG=C", "AIRFLOW__CORE__X=1", "_AIRFLOW__REEXECUTED_PROCESS=1", "__AIRFLOW_SUPERVISOR_FD=5", "KRB5CCNAME=x", "EXTRA=2"}
	if got := environment(worker, impersonate.Account{}, false, nil); !slices.Equal(got, []string{"LANG=C", "AIRFLOW__CORE__X=1", "KRB5CCNAME=x", "EXTRA=2"}) {
		t.Errorf("own user: %v", got)
	}
	got := environment(worker, impersonate.Account{Name: "alice", Home: "/h"}, true, []string{"EXTRA"})
	for _, entry := range got {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "USER", "LANG", "EXTRA"}, name) {
			t.Errorf("another user sees %s", entry)
		}
	}
}

func TestARunnerThatDecidesItselfIsToldWhoItIs(t *testing.T) {
	got := truthful([]string{"LOGNAME=alice", "LANG=C", "USER=alice", "USERNAME=alice", "LNAME=alice", "LOGNAMES=1"}, "airflow")
	if want := []string{"LANG=C", "LOGNAMES=1", "LOGNAME=airflow", "USER=airflow"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}
