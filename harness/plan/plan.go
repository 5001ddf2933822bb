// Package plan holds what the outer command tells a worker to run. It travels
// as one JSON line on the standard input of the sandbox's init process, which
// then stays open as life line: its end ends the sandbox. The plan has all cases
// that a sandbox may come to play; a line each says which one is next.
package plan

import (
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Case is one scenario in one role. The list of all cases is the case index,
// generated from the scenario tree and embedded in the outer command.
type Case struct {
	ID       string        `json:"id"` // <first requirement>/<role>/<slug>
	Role     role.Role     `json:"role"`
	Area     string        `json:"area"`
	Says     string        `json:"says"`
	Verifies []string      `json:"verifies"`          // requirements
	Parts    []string      `json:"clauses,omitempty"` // of them that it checks, where sentences are cut: see Clauses
	Needs    []string      `json:"needs,omitempty"`   // capabilities
	Airflow  release.Range `json:"airflow,omitzero"`  // releases for which all that it verifies holds
	BudgetMS int64         `json:"budget_ms"`
}

// Clauses lists the clauses that the case checks. One of a sentence that nothing cuts has
// the id of its requirement.
func (c Case) Clauses() []string {
	if len(c.Parts) > 0 {
		return c.Parts
	}
	return c.Verifies
}

// Everywhere is the last part of the id of a case whose clauses have to hold in every other
// case of its role, too.
const Everywhere = "everywhere"

// Everywhere says whether what is seen in other cases of the role can violate the case.
func (c Case) Everywhere() bool { return strings.HasSuffix(c.ID, "/"+Everywhere) }

// Budget is the time after which the whole sandbox of the case is ended.
func (c Case) Budget() time.Duration { return time.Duration(c.BudgetMS) * time.Millisecond }

// Mark is the line that a worker writes to its diagnostics when it begins the case,
// so that what it said about the cases before is not taken for its last words.
func Mark(id string) string { return "=== " + id + "\n" }

// Next is the line that answers a worker which is ready: the id of the case that it
// plays next, "" where none is left for it. The ids come in the order of the plan.
func Next(id string) string { return id + "\n" }

// IDs lists the ids of the cases.
func IDs(cases []Case) []string {
	var list []string
	for _, c := range cases {
		list = append(list, c.ID)
	}
	return list
}

// Plan is the work of one sandbox.
type Plan struct {
	Schema         int                     `json:"schema"`
	RunID          string                  `json:"run_id"`
	Attempt        int                     `json:"attempt"`
	Manifest       implementation.Manifest `json:"manifest"`
	Cases          []Case                  `json:"cases"`          // that may be its to play, see Next
	Bin            string                  `json:"bin"`            // folder of the helper commands inside the sandbox
	Implementation string                  `json:"implementation"` // the manifest's folder inside the sandbox
	Sandbox        string                  `json:"sandbox"`        // namespace, docker
	Exec           *Exec                   `json:"exec,omitempty"` // what to run in place of cases
}

// Exec is one command to run in a sandbox, see package shell.
type Exec struct {
	Argv     []string `json:"argv"`
	User     string   `json:"user"`               // account of the sandbox, or a bare user id
	Terminal string   `json:"terminal,omitempty"` // TERM of a pseudo terminal; "" for pipes
	Ptrace   bool     `json:"ptrace,omitempty"`   // root may look into the processes of others, and trace them
}
