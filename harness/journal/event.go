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
	"fmt"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/printable"
)

// Schema is the version of the event shapes below.
const Schema = 2

// Stage is the Who of what the stage did.
const Stage = "stage"

// Event is one line of the journal: one thing that happened, and when. Exactly one of
// its pointers is set, and says what it was. All text is bounded and redacted by the
// writer, valid UTF-8, and still hostile: whoever displays it must escape it.
type Event struct {
	Time    time.Time `json:"t"`
	Sandbox int       `json:"sandbox,omitempty"`
	Case    string    `json:"case,omitempty"`
	Attempt int       `json:"attempt,omitempty"`
	Run     string    `json:"run,omitempty"` // which task of the case: "alice", "bob-2"

	// Written by the outer command.
	RunStart    *RunStart    `json:"run_start,omitempty"`
	SandboxLost *SandboxLost `json:"sandbox_lost,omitempty"`
	RunEnd      *RunEnd      `json:"run_end,omitempty"`
	Malformed   *Malformed   `json:"malformed,omitempty"`

	// Written by the worker.
	SandboxStart *SandboxStart `json:"sandbox_start,omitempty"`
	Control      *Control      `json:"control,omitempty"`
	Ready        *Ready        `json:"ready,omitempty"`
	CaseStart    *CaseStart    `json:"case_start,omitempty"`
	Step         *Step         `json:"step,omitempty"`
	Frame        *Frame        `json:"frame,omitempty"`
	HTTP         *HTTP         `json:"http,omitempty"`
	Log          *Log          `json:"log,omitempty"`
	Process      *Process      `json:"process,omitempty"`
	Check        *Check        `json:"check,omitempty"`
	Witness      *Witness      `json:"witness,omitempty"`
	CaseEnd      *CaseEnd      `json:"case_end,omitempty"`
	SandboxEnd   *SandboxEnd   `json:"sandbox_end,omitempty"`
}

// Kind is the word for what an event is: the name of the pointer that is set.
type Kind string

// Kind returns the kind of the event, "" unless exactly one pointer is set.
func (e Event) Kind() Kind {
	if kinds := e.kinds(); len(kinds) == 1 {
		return kinds[0]
	}
	return ""
}

// kinds lists the pointers that are set.
func (e Event) kinds() []Kind {
	var set []Kind
	add := func(kind Kind, is bool) {
		if is {
			set = append(set, kind)
		}
	}
	add("run-start", e.RunStart != nil)
	add("sandbox-lost", e.SandboxLost != nil)
	add("run-end", e.RunEnd != nil)
	add("malformed", e.Malformed != nil)
	add("sandbox-start", e.SandboxStart != nil)
	add("control", e.Control != nil)
	add("ready", e.Ready != nil)
	add("case-start", e.CaseStart != nil)
	add("step", e.Step != nil)
	add("frame", e.Frame != nil)
	add("http", e.HTTP != nil)
	add("log", e.Log != nil)
	add("process", e.Process != nil)
	add("check", e.Check != nil)
	add("witness", e.Witness != nil)
	add("case-end", e.CaseEnd != nil)
	add("sandbox-end", e.SandboxEnd != nil)
	return set
}

// RunStart is the beginning of a run. Start makes one.
type RunStart struct {
	Schema   int      `json:"schema"` // of this event and all after it
	Identity Identity `json:"identity"`
}

// Start begins a journal.
func Start(who Identity) *RunStart { return &RunStart{Schema, who} }

// RunEnd is the end of a run.
type RunEnd struct {
	Partial bool   `json:"partial,omitempty"` // it ended early
	Why     string `json:"why,omitempty"`     // it did
}

// SandboxStart is the beginning of a sandbox, after it was looked at.
type SandboxStart struct {
	Environment map[string]string `json:"environment"`
}

// SandboxEnd is the exit record: the journal of a sandbox without it was cut.
type SandboxEnd struct {
	Stopped string `json:"stopped,omitempty"` // why it plays no further case; "" when it was told that none is left
}

// SandboxLost says that a sandbox did not end by itself, or ended with an error, be it
// after its exit record.
type SandboxLost struct {
	Why string `json:"why"`
}

// Malformed stands in the place of a line that cannot be read, or that was not the
// sandbox's to write.
type Malformed struct {
	Why string `json:"why"`
}

// Control is what a plain task showed: whether cases of the role can be played at all.
type Control struct {
	Role        role.Role   `json:"role"`
	Observation Observation `json:"observation"`
}

// Ready says that the worker waits to be told its next case.
type Ready struct{}

// CaseStart is the beginning of a case.
type CaseStart struct {
	Says     string `json:"says,omitempty"` // what the scenario shows, in words
	BudgetMS int64  `json:"budget_ms"`
}

// Step is one line of "who did what".
type Step struct {
	Who    string `json:"who"` // stage, implementation
	Text   string `json:"text"`
	MoreMS int64  `json:"more_ms,omitempty"` // by how much the case may take longer than its case-start says
}

// Frame is one message on descriptor 0.
type Frame struct {
	Dir    string `json:"dir"`              // ">" to the implementation, "<" from it
	Size   int    `json:"size"`             // octets, header included
	Text   string `json:"text"`             // the message in words
	Octets string `json:"octets,omitempty"` // the first ones behind the header, hexadecimal
}

// HTTP is one request of the implementation, answered.
type HTTP struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Status int    `json:"status"`
	Body   string `json:"body,omitempty"` // of the request
	Size   int    `json:"size,omitempty"` // of the body, in octets
}

// Log is text that arrived on a channel, in whole lines.
type Log struct {
	Channel string `json:"channel"` // stdout, stderr, log, tasklog
	Text    string `json:"text"`
}

// Process is one process as /proc showed it: the stage's evidence for identity and life.
type Process struct {
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

// Check is one comparison of what was seen with what a requirement demands. The first
// one of a case that does not hold ends the scenario.
type Check struct {
	Requirement string `json:"requirement"`
	Clause      string `json:"clause"` // the part of the requirement that was looked at: catalogue.Clause.ID
	What        string `json:"what"`   // what was looked at; of one that does not hold, what is wrong with it
	Held        bool   `json:"held"`
	Premise     bool   `json:"premise,omitempty"` // what comes after it would mean nothing without it: a wait, or a control. It shows nothing of the requirement
	Expected    string `json:"expected,omitempty"`
	Actual      string `json:"actual,omitempty"`
	Where       string `json:"where,omitempty"` // file:line of the scenario
}

// Witness is a sight that breaks a clause which has to hold in every case of a role. It says
// nothing of the case in which it was seen, or of the control where the event names none, but
// of the case "everywhere" that has the clause: see plan.Case.Everywhere.
type Witness struct {
	Role     role.Role `json:"role"`
	Clause   string    `json:"clause"`
	What     string    `json:"what"`     // what is wrong, the same words wherever it is seen
	Expected string    `json:"expected"` // instead
	Actual   string    `json:"actual"`   // what was seen, and where
}

// CaseEnd is the end of a case. What held and what did not, its checks say and nothing
// else; where a check is not what ended it, the texts say what did.
type CaseEnd struct {
	Outcome    Outcome `json:"outcome"`
	Says       string  `json:"says,omitempty"`
	Actual     string  `json:"actual,omitempty"`
	Where      string  `json:"where,omitempty"`
	Capability string  `json:"capability,omitempty"`
	Misled     bool    `json:"misled,omitempty"`
	LeftOut    int     `json:"left_out,omitempty"` // checks that held and were not written, since there were too many
	DurationMS int64   `json:"duration_ms"`
}

// End makes the end of a case of what was observed in it.
func End(o Observation, took time.Duration) *CaseEnd {
	end := &CaseEnd{Outcome: o.Outcome, DurationMS: took.Milliseconds()}
	if o.Outcome != Held && o.Outcome != Violated {
		end.Says, end.Actual, end.Where, end.Capability, end.Misled = o.Says, o.Actual, o.Where, o.Capability, o.Misled
	}
	return end
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

// Observation is what one scenario saw, as a whole: how it ended, and the check or the
// cause by which it did.
type Observation struct {
	Outcome     Outcome `json:"outcome"`
	Requirement string  `json:"requirement,omitempty"` // the one that was violated
	Clause      string  `json:"clause,omitempty"`      // of it
	Says        string  `json:"says,omitempty"`        // one sentence: what did not hold, or why it could not run
	Expected    string  `json:"expected,omitempty"`
	Actual      string  `json:"actual,omitempty"`
	Where       string  `json:"where,omitempty"` // file:line of the check
	Capability  string  `json:"capability,omitempty"`
	Misled      bool    `json:"misled,omitempty"` // it could not run because the manifest says what is not so
}

// AirflowKey is where the environment of a sandbox says as which release of Airflow the
// implementation is judged.
const AirflowKey = "airflow"

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

// line is an event as it stands in the journal, where its kind is said in a word, too:
// by that lines are found.
type line struct {
	Kind Kind `json:"kind"`
	Event
}

// Marshal returns the event as one line, newline included.
func (e Event) Marshal() ([]byte, error) {
	if kinds := e.kinds(); len(kinds) != 1 {
		return nil, fmt.Errorf("an event that is %s", are(kinds))
	}
	text, err := json.Marshal(line{e.Kind(), e})
	if err != nil {
		return nil, err
	}
	return append(printable.JSON(text), '\n'), nil
}

// are lists kinds in words.
func are(kinds []Kind) string {
	if len(kinds) == 0 {
		return "nothing"
	}
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return strings.Join(names, " and ")
}
