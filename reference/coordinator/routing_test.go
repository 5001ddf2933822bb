package coordinator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRoutes(t *testing.T) {
	const entry = `{"go": {"classpath": "airflow.sdk.coordinators.executable.ExecutableCoordinator", "kwargs": {"executables_root": %}, "extra": {"x": 1}},
		"java": {"classpath": "airflow.sdk.coordinators.java.JavaCoordinator"}}`
	for _, c := range []struct {
		name, roots, home, queue string
		want                     *Coordinator
		err                      string
	}{
		{name: "list", roots: `["/a", "/b/../c/"]`, want: &Coordinator{"go", []string{"/a", "/c"}, 10 * time.Second}},
		{name: "one path", roots: `"/a"`, want: &Coordinator{"go", []string{"/a"}, 10 * time.Second}},
		{name: "home", roots: `["~/a", "~"]`, home: "/home/w", want: &Coordinator{"go", []string{"/home/w/a", "/home/w"}, 10 * time.Second}},
		{name: "own time", roots: `"/a", "task_startup_timeout": 2.5`, want: &Coordinator{"go", []string{"/a"}, 2500 * time.Millisecond}},
		{name: "other queue", roots: `"/a"`, queue: "default"},
		{name: "other class", roots: `"/a"`, queue: "jvm", err: `"airflow.sdk.coordinators.java.JavaCoordinator"`},
		{name: "home not known", roots: `"~/a"`, err: "home is not known"},
		{name: "relative", roots: `"a"`, err: `"a" is not an absolute path`},
		{name: "empty path", roots: `""`, err: "executables_root is missing or empty"},
		{name: "empty list", roots: `[]`, err: "executables_root is missing or empty"},
		{name: "number", roots: `1`, err: "neither a path nor a list"},
		{name: "unknown argument", roots: `"/a", "jars_root": 1`, err: `unknown field "jars_root"`},
		{name: "no time", roots: `"/a", "task_startup_timeout": 0`, err: "task_startup_timeout: 0"},
		{name: "negative time", roots: `"/a", "task_startup_timeout": -1`, err: "task_startup_timeout: -1"},
		{name: "endless", roots: `"/a", "task_startup_timeout": 1e99`, err: "task_startup_timeout: 1e99"},
		{name: "time in words", roots: `"/a", "task_startup_timeout": "soon"`, err: "kwargs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ParseRoutes(strings.Replace(entry, "%", c.roots, 1), `{"golang": "go", "jvm": "java"}`, 10*time.Second, c.home)
			if err != nil {
				t.Fatal(err)
			}
			if c.queue == "" {
				c.queue = "golang"
			}
			got, err := r.For(c.queue)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "[sdk] coordinators") {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestRoutesRefused(t *testing.T) {
	for _, c := range []struct{ name, coordinators, queues, want string }{
		{"no JSON", "{", "", "setting [sdk] coordinators: it is not the JSON object"},
		{"a list", "[]", "", "setting [sdk] coordinators: it is not the JSON object"},
		{"no class", `{"go": {}}`, "", `setting [sdk] coordinators: entry "go" has no classpath`},
		{"queues no JSON", "", "x", "setting [sdk] queue_to_coordinator: it is not the JSON object"},
		{"queue to a number", "{}", `{"q": 1}`, "setting [sdk] queue_to_coordinator: it is not the JSON object"},
		{"queue to nowhere", "{}", `{"q": "go"}`, `queue "q" leads to coordinator "go"`},
	} {
		if _, err := ParseRoutes(c.coordinators, c.queues, time.Second, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	var none Routes
	if c, err := none.For("default"); c != nil || err != nil {
		t.Errorf("without settings: %v, %v", c, err)
	}
	if r, err := ParseRoutes(" ", "", time.Second, ""); err != nil {
		t.Errorf("empty settings: %v, %v", r, err)
	}
}
