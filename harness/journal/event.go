// Package journal is the record of a run: JSON lines, one event each, appended
// in the order in which they happened and never rewritten. Every report is
// computed from it, so what the journal lacks no report can invent.
//
// The worker inside a sandbox writes events to its standard output through the
// init process; the outer command appends them, unchanged but for the sandbox
// number, to events.jsonl.
package journal

import (
	"encoding/json"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
)

// Schema is the version of the event shapes below.
const Schema = 1

// Kind says which of the optional fields of an Event are filled.
type Kind string

const (
	RunStart     Kind = "run-start"     // outer: Identity
	SandboxStart Kind = "sandbox-start" // worker: Environment
	Control      Kind = "control"       // worker: Role, Observation: can a plain task run at all?
	Ready        Kind = "ready"         // worker: it waits to be told its next case
	CaseStart    Kind = "case-start"    // worker: Case, BudgetMS
	Step         Kind = "step"          // worker: Case, Who, Text: one line of "who did what"; BudgetMS: by how much the case may take longer than its case-start says
	Frame        Kind = "frame"         // worker: Case, Run, Dir, Size, Text (message), Octets (hex, first 64)
	HTTP         Kind = "http"          // worker: Case, Run, Text ("PATCH /task-instances/../state 204"), Body
	Log          Kind = "log"           // worker: Case, Run, Channel, Text
	Process      Kind = "process"       // worker: Case, Run, Proc
	CaseEnd      Kind = "case-end"      // worker: Case, Observation, DurationMS
	SandboxEnd   Kind = "sandbox-end"   // worker: the exit record; a journal of a sandbox without it was cut
	SandboxLost  Kind = "sandbox-lost"  // outer: Text: it did not end by itself, or ended with an error, be it after its exit record
	RunEnd       Kind = "run-end"       // outer: Partial, Text
)

// Stage is the Who of what the stage did.
const Stage = "stage"

// Event is one line of the journal. Fields that a Kind does not use are absent.
// All text is bounded and redacted by the writer, valid UTF-8, and still hostile:
// whoever displays it must escape it.
type Event struct {
	Kind        Kind              `json:"kind"`
	Time        time.Time         `json:"t"`
	Sandbox     int               `json:"sandbox,omitempty"`
	Case        string            `json:"case,omitempty"`
	Attempt     int               `json:"attempt,omitempty"`
	Role        role.Role         `json:"role,omitempty"`
	Run         string            `json:"run,omitempty"`     // which task of the case: "alice", "bob-2"
	Who         string            `json:"who,omitempty"`     // stage, implementation, task, api
	Channel     string            `json:"channel,omitempty"` // stdout, stderr, log, tasklog
	Dir         string            `json:"dir,omitempty"`     // ">" to the implementation, "<" from it
	Text        string            `json:"text,omitempty"`
	Body        string            `json:"body,omitempty"`
	Octets      string            `json:"octets,omitempty"`
	Size        int               `json:"size,omitempty"` // octets of the frame, header included
	Proc        *Proc             `json:"proc,omitempty"`
	Observation *Observation      `json:"observation,omitempty"`
	BudgetMS    int64             `json:"budget_ms,omitempty"`
	DurationMS  int64             `json:"duration_ms,omitempty"`
	Partial     bool              `json:"partial,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	Identity    *Identity         `json:"identity,omitempty"`
}

// Proc is one process as /proc showed it: the stage's evidence for identity and life.
type Proc struct {
	PID     int    `json:"pid"`
	PPID    int    `json:"ppid"`
	State   string `json:"state,omitempty"`
	UIDs    [4]int `json:"uids"` // real, effective, saved, file system
	GIDs    [4]int `json:"gids"`
	Groups  []int  `json:"groups,omitempty"`
	Command string `json:"command,omitempty"`
	Note    string `json:"note,omitempty"`

	Started time.Time `json:"started,omitzero"` // when the kernel says that it began
	Seen    time.Time `json:"seen,omitzero"`    // when it was last seen alive, when that was before the event
}

// Outcome is how a scenario ended, before levels and expectations are applied.
type Outcome string

const (
	Held          Outcome = "held"
	Violated      Outcome = "violated"
	NotApplicable Outcome = "not-applicable"
	CouldNotRun   Outcome = "could-not-run"
	HarnessError  Outcome = "harness-error"
)

// Observation is what one scenario saw.
type Observation struct {
	Outcome     Outcome `json:"outcome"`
	Requirement string  `json:"requirement,omitempty"` // the one that was violated
	Says        string  `json:"says,omitempty"`        // one sentence: what did not hold, or why it could not run
	Expected    string  `json:"expected,omitempty"`
	Actual      string  `json:"actual,omitempty"`
	Where       string  `json:"where,omitempty"` // file:line of the check
	Capability  string  `json:"capability,omitempty"`
}

// Identity names what ran: every artefact of a run carries it.
type Identity struct {
	RunID          string      `json:"run_id"`
	Suite          string      `json:"suite"`  // version of Understudy
	Commit         string      `json:"commit"` // of the checkout, "" when unknown
	Catalogue      string      `json:"catalogue"`
	Implementation string      `json:"implementation"`
	Version        string      `json:"version"` // as printed by the implementation itself
	Manifest       string      `json:"manifest"`
	Roles          []role.Role `json:"roles"`
	Sandbox        string      `json:"sandbox"`
	Filter         string      `json:"filter,omitempty"`
	Command        []string    `json:"command"`
	Planned        []string    `json:"planned"` // case ids
	Shard          *Shard      `json:"shard,omitempty"`
}

// Shard says that Planned is one of the fixed parts of a larger plan.
type Shard struct {
	Index int    `json:"index"` // from 1 to Of
	Of    int    `json:"of"`
	Plan  string `json:"plan"` // digest of the whole plan: plan.Digest
}

// Marshal returns the event as one line, newline included.
func (e Event) Marshal() ([]byte, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(Visible(line), '\n'), nil
}
