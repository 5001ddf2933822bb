package worker

import (
	"os"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/plan"
)

func TestTheReleaseIsToldByTheManifestOrACommandOrNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("asks a command as the worker account: needs root")
	}
	for _, c := range []struct {
		says      implementation.Airflow
		want, err string
	}{
		{implementation.Airflow{}, "3.3.2", ""},
		{implementation.Airflow{Release: "3.4.0b2"}, "3.4.0b2", ""},
		{implementation.Airflow{Command: []string{"echo", "3.4.1"}}, "3.4.1", ""},
		{implementation.Airflow{Command: []string{"printf", "3.4.1\nnoise\n"}}, "3.4.1", ""},
		{implementation.Airflow{Command: []string{"echo", "{bin}"}}, "", `by what it prints: "/the/bin" is no version of Airflow`},
		{implementation.Airflow{Command: []string{"echo", "Airflow 3.4.1"}}, "", `by what it prints: "Airflow 3.4.1" is no version`},
		{implementation.Airflow{Command: []string{"sh", "-c", "echo no such release >&2; exit 3"}}, "", "does not tell the release: exit status 3: no such release"},
		{implementation.Airflow{Command: []string{"/nowhere"}}, "", "does not tell the release: "},
	} {
		got, err := airflow(t.Context(), plan.Plan{Bin: "/the/bin", Manifest: implementation.Manifest{Airflow: c.says}})
		if got.String() != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %q, %v", c.says, got, err)
		}
	}
}
