// Package implementation reads implementation.yaml, the manifest by which a
// program under test introduces itself. docs/contract.md says in words what
// the manifest promises; schema.json is its published JSON Schema.
package implementation

import "github.com/understudy-conformance/understudy/harness/role"

// Manifest describes one implementation. Paths are relative to the folder of the manifest.
type Manifest struct {
	Schema       int                  `json:"schema"`
	Name         string               `json:"name"` // for people: "Apache Airflow task SDK"
	Slug         string               `json:"slug"` // for files and labels: "airflow"
	Homepage     string               `json:"homepage,omitempty"`
	Issues       string               `json:"issues,omitempty"`
	Version      []string             `json:"version"`          // argv that prints the version on one line; run in the sandbox as the worker account
	Airflow      Airflow              `json:"airflow,omitzero"` // release of Airflow as which it is judged; see docs/contract.md
	Probe        string               `json:"probe"`            // Dag file with the probe tasks, copied into the bundle
	Sandbox      Sandbox              `json:"sandbox"`
	Roles        map[role.Role]Launch `json:"roles"`                  // those that it plays
	Capabilities []string             `json:"capabilities,omitempty"` // see docs/contract.md
	Lacks        map[string]string    `json:"lacks,omitempty"`        // capability -> why it is not there
	Umask        string               `json:"umask,omitempty"`        // section.key of the setting that capability umask means
	Expectations string               `json:"expectations,omitempty"` // expectations.yaml
	Slowness     float64              `json:"slowness,omitempty"`     // factor on every time budget; 1 when absent
	Dir          string               `json:"-"`                      // where the manifest was found
}

// Sandbox says what the implementation needs around it.
type Sandbox struct {
	Root       string   `json:"root"`                 // namespace: "host" (a layer over /) or "trixie" (a root of its own)
	Provision  string   `json:"provision"`            // script that installs what is missing, run as root with network, cached
	Files      []string `json:"files,omitempty"`      // further files that the script reads
	Dockerfile string   `json:"dockerfile,omitempty"` // docker: ARG BASE, runs the same script
}

// Launch is how the implementation is started in one role, and how it is spoken to. In
// argv, serve and env the words of the role are replaced, see Words.
type Launch struct {
	Argv         []string          `json:"argv"`            // started for each task
	Serve        []string          `json:"serve,omitempty"` // started once for all tasks that argv hands to it
	Env          map[string]string `json:"env,omitempty"`
	Channel      string            `json:"channel"`                 // fd0, http
	Switch       string            `json:"switch"`                  // who becomes the target user: runner, supervisor, none
	StartTimeout string            `json:"start_timeout,omitempty"` // how long serve may take until it is ready
}
