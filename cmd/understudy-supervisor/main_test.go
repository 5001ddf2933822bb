package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/coordinator"
)

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	runner := filepath.Join(dir, "runner")
	if err := os.WriteFile(runner, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{nil, 2, "", "run --workload FILE"},
		{[]string{"--help"}, 0, "export AIRFLOW__CORE__EXECUTION_API_SERVER_URL", ""},
		{[]string{"run", "--help"}, 0, "understudy-supervisor run --workload task.json", ""},
		{[]string{"version"}, 0, reference.Version, ""},
		{[]string{"attend"}, 2, "", `unknown command "attend"`},
		{[]string{"serve"}, 2, "", "--socket PATH is missing"},
		{[]string{"serve", "--help"}, 0, "--allow-user NAME", ""},
		{[]string{"serve", "--socket", "s", "--runner", dir}, 2, "", "name it by --runner PATH"},
		{[]string{"serve", "--socket", "s", "--runner", "/bin/true", "--keeper", dir + "/none"}, 2, "", "name it by --keeper PATH"},
		{[]string{"serve", "--socket", "s", "--runner", "/bin/true", "--keeper", "/bin/true", "--fetcher", dir + "/none"}, 2, "", "name it by --fetcher PATH"},
		{[]string{"submit"}, 2, "", "--socket PATH is missing"},
		{[]string{"submit", "--socket", dir + "/s"}, 2, "", "--workload FILE is missing"},
		{[]string{"submit", "--socket", dir + "/s", "--workload", dir + "/none"}, 2, "", "read workload"},
		{[]string{"submit", "--socket", dir + "/s", "--workload", runner}, 2, "", "not JSON"},
		{[]string{"pack", "--executable", "/bin/true", "--output", dir + "/b"}, 2, "", "--schema VERSION is missing"},
		{[]string{"pack", "--executable", "/bin/true", "--output", dir + "/b", "--schema", "2026-06-16"}, 2, "", "names no Dag"},
		{[]string{"pack", "--executable", "/bin/true", "--output", dir + "/b", "--schema", "2000-01-01", "--dag", "etl"}, 2, "", `"2000-01-01"`},
		{[]string{"pack", "--executable", "/bin/true", "--output", dir + "/b", "--schema", "2026-06-16", "--dag", "etl", "--source", dir + "/none"}, 2, "", "read source"},
		{[]string{"pack", "--executable", "/bin/true", "--output", dir + "/b", "--schema", "2026-06-16", "--dag", "etl", "--source", runner}, 0, "", ""},
		{[]string{"run"}, 2, "", "--workload FILE is missing"},
		{[]string{"run", "--speed", "9"}, 2, "", "-speed"},
		{[]string{"run", "--workload", "w", "x"}, 2, "", `unexpected argument "x"`},
		{[]string{"run", "--workload", "w", "--runner", dir + "/none"}, 2, "", "name it by --runner PATH"},
		{[]string{"run", "--workload", "w", "--runner", "/bin/true", "--fetcher", dir + "/none"}, 2, "", "name it by --fetcher PATH"},
		{[]string{"run", "--workload", "w", "--runner", runner}, 2, "", "is no executable file"},
		{[]string{"run", "--workload", "w", "--runner", dir}, 2, "", "is no executable file"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(c.args, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%q: code %d\n%s%s", c.args, code, &stdout, &stderr)
		}
		if c.code == 2 && !strings.Contains(stderr.String(), "--help") || c.code == 0 && stderr.Len() > 0 {
			t.Errorf("%q: %s", c.args, &stderr)
		}
	}
}

func TestPackedBundleIsFound(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{"pack", "--executable", "/bin/true", "--output", filepath.Join(dir, "bundle"), "--schema", "2026-06-16", "--dag", "etl", "--dag", "report"}
	if code := run(args, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	for _, dag := range []string{"etl", "report"} {
		a, err := new(coordinator.Library).Find(t.Context(), []string{dir}, dag)
		if err != nil {
			t.Fatal(err)
		}
		if a.Schema.Version() != "2026-06-16" {
			t.Errorf("schema %q", a.Schema.Version())
		}
		a.Close()
	}
}
