package dagfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

func TestDagFile(t *testing.T) {
	good := "dag_id: probe\ntasks:\n  - {id: probe}\n  - {id: probe_alice, run_as_user: alice}\n"
	file := filepath.Join(t.TempDir(), "probe.yaml")
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	dag, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Dag{ID: "probe", Tasks: []Task{{ID: "probe"}, {ID: "probe_alice", RunAsUser: "alice"}}}
	if diff := cmp.Diff(want, dag); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if task, ok := dag.Task("probe_alice"); !ok || task.RunAsUser != "alice" {
		t.Errorf("Task: %v, %v", task, ok)
	}
	if _, ok := dag.Task("nobody"); ok {
		t.Error("a task that is not there was found")
	}
	for name, text := range map[string]string{
		"empty":            "",
		"no id":            "tasks: []\n",
		"misspelt":         "dag_id: d\ntasks: [{id: a, run_as: alice}]\n",
		"twice":            "dag_id: d\ntasks: [{id: a}, {id: a}]\n",
		"task without id":  "dag_id: d\ntasks: [{run_as_user: alice}]\n",
		"no YAML":          "dag_id: [\n",
		"user is a number": "dag_id: d\ntasks: [{id: a, run_as_user: [1]}]\n",
	} {
		if dag, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, dag)
		}
	}
	if _, err := Read(file + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestWhatNeverEndsIsNoDagFile(t *testing.T) {
	dir := t.TempDir()
	fifo, device, large := filepath.Join(dir, "fifo.yaml"), filepath.Join(dir, "device.yaml"), filepath.Join(dir, "large.yaml")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o644), os.Symlink("/dev/zero", device), os.WriteFile(large, make([]byte, maxDagFile+1), 0o644)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{fifo: safefile.ErrNotRegular, device: safefile.ErrNotRegular, large: safefile.ErrTooLarge} {
		if _, err := Read(path); !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestDeclares(t *testing.T) {
	for path, want := range map[string]bool{"a.yaml": true, "b/a.yml": true, "a.py": false, "yaml": false, "a.yaml/x": false} {
		if got := Declares(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("dag_id: probe\ntasks:\n  - {id: probe, run_as_user: alice}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dag, err := parse(text)
		if err != nil {
			return
		}
		for _, task := range dag.Tasks {
			if found, ok := dag.Task(task.ID); !ok || found != task {
				t.Fatalf("task %q is not found again", task.ID)
			}
		}
	})
}
