// Package dagfile reads Dags that are declared in YAML. Nothing of a user's is
// executed by reading one, so whoever decides about a switch may read it as any
// user.
package dagfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// maxDagFile is the largest Dag file, in bytes, that is read.
const maxDagFile = 1 << 20

// Dag is a declarative Dag file:
//
//	dag_id: probe
//	tasks:
//	  - {id: probe}
//	  - {id: probe_alice, run_as_user: alice}
type Dag struct {
	ID    string `yaml:"dag_id"`
	Tasks []Task `yaml:"tasks"`
}

// Task is one task of a Dag. Its RunAsUser was not checked in any way.
type Task struct {
	ID        string `yaml:"id"`
	RunAsUser string `yaml:"run_as_user"`
}

// Declares reports whether a file of that name is a declaration, by its ending;
// any other is code.
func Declares(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml":
		return true
	}
	return false
}

// Read reads a Dag file. Keys it does not know are errors: a misspelt
// run_as_user must not run a task as somebody else.
func Read(path string) (Dag, error) {
	text, err := safefile.Read(path, maxDagFile) // a FIFO would hold up the task for ever
	if err != nil {
		return Dag{}, fmt.Errorf("read Dag file: %w", err)
	}
	dag, err := parse(text)
	if err != nil {
		return Dag{}, fmt.Errorf("read Dag file %s: %w", path, err)
	}
	return dag, nil
}

func parse(text []byte) (Dag, error) {
	var dag Dag
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&dag); err != nil && !errors.Is(err, io.EOF) {
		return Dag{}, err
	}
	if dag.ID == "" {
		return Dag{}, errors.New("dag_id is missing")
	}
	seen := map[string]bool{}
	for i, task := range dag.Tasks {
		if task.ID == "" {
			return Dag{}, fmt.Errorf("task %d has no id", i+1)
		}
		if seen[task.ID] {
			return Dag{}, fmt.Errorf("task %q appears twice", task.ID)
		}
		seen[task.ID] = true
	}
	return dag, nil
}

// Task returns the task with that id.
func (d Dag) Task(id string) (Task, bool) {
	for _, task := range d.Tasks {
		if task.ID == id {
			return task, true
		}
	}
	return Task{}, false
}
