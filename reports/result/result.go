// Package result is result.json: what a run found, for programs. Its shape is
// published as result.schema.json; fields are only added as long as Schema stays.
// Unlike the other reports it holds the observations as the journal has them:
// they are data here, and a program that shows them must escape them. In the file
// itself nothing is invisible: such characters are written as escapes of JSON.
package result

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/printable"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Schema is the version of the shape.
const Schema = 2

//go:embed result.schema.json
var published []byte

// JSONSchema returns the published JSON Schema (draft 2020-12).
func JSONSchema() []byte { return bytes.Clone(published) }

// Result is the whole file.
type Result struct {
	Schema       int               `json:"schema"`
	Identity     Identity          `json:"identity"`
	Joined       []Joined          `json:"joined,omitempty"` // the runs that were joined, oldest first
	Environment  map[string]string `json:"environment"`
	Started      *time.Time        `json:"started"` // null when the journal has no beginning
	Ended        *time.Time        `json:"ended"`
	Partial      bool              `json:"partial"`
	PartialWhy   []string          `json:"partial_why"`
	Part         string            `json:"part,omitempty"`     // of a plan, when shards of it are missing
	Unlisted     int               `json:"unlisted,omitempty"` // planned cases that never began, beyond those in cases
	Exit         int               `json:"exit"`
	Profiles     []Profile         `json:"profiles"`
	Requirements []Requirement     `json:"requirements"`
	Cases        []Case            `json:"cases"`
	Controls     []Control         `json:"controls"`
	Problems     []Problem         `json:"problems"`
}

// Joined is one of the runs of which the verdicts were joined.
type Joined struct {
	RunID    string      `json:"run_id"`
	Manifest string      `json:"manifest"`
	Roles    []role.Role `json:"roles"`
	Filter   string      `json:"filter,omitempty"`
	Shard    *Shard      `json:"shard,omitempty"`
	Command  []string    `json:"command"`
}

// Identity names what ran.
type Identity struct {
	RunID          string      `json:"run_id"`
	Suite          string      `json:"suite"`
	Commit         string      `json:"commit"`
	Catalogue      string      `json:"catalogue"`
	Implementation string      `json:"implementation"`
	Version        string      `json:"version"`
	Manifest       string      `json:"manifest"`
	Roles          []role.Role `json:"roles"`
	Sandbox        string      `json:"sandbox"`
	Filter         string      `json:"filter,omitempty"`
	Command        []string    `json:"command"`
	Planned        []string    `json:"planned"`
	Shard          *Shard      `json:"shard,omitempty"`
}

// Shard says that this is one of the fixed parts of a larger plan.
type Shard struct {
	Index int    `json:"index"`
	Of    int    `json:"of"`
	Plan  string `json:"plan"`
}

// Observation is what a case showed as a whole.
type Observation struct {
	Outcome     string `json:"outcome"`
	Requirement string `json:"requirement,omitempty"`
	Clause      string `json:"clause,omitempty"`
	Says        string `json:"says,omitempty"`
	Expected    string `json:"expected,omitempty"`
	Actual      string `json:"actual,omitempty"`
	Where       string `json:"where,omitempty"`
	Capability  string `json:"capability,omitempty"`
}

// Check is one comparison that was made.
type Check struct {
	Requirement string `json:"requirement"`
	Clause      string `json:"clause"`
	What        string `json:"what"`
	Held        bool   `json:"held"`
	Premise     bool   `json:"premise,omitempty"`
	Expected    string `json:"expected,omitempty"`
	Actual      string `json:"actual,omitempty"`
	Where       string `json:"where,omitempty"`
}

// Profile is the summary of a profile; Counts are numbers of requirements.
type Profile struct {
	Name     string                  `json:"name"`
	Exit     int                     `json:"exit"`
	Headline string                  `json:"headline"`
	Total    int                     `json:"total"`
	Holds    int                     `json:"holds"`
	Counts   map[verdict.Verdict]int `json:"counts"`
	Clauses  int                     `json:"clauses"`        // of its requirements
	Tested   int                     `json:"clauses_tested"` // of these
}

// Requirement is one row of the catalogue.
type Requirement struct {
	ID      string                        `json:"id"`
	Area    string                        `json:"area"`
	Level   string                        `json:"level"`
	Profile string                        `json:"profile"`
	Verdict verdict.Verdict               `json:"verdict"`
	Reason  string                        `json:"reason,omitempty"`
	Roles   map[role.Role]verdict.Verdict `json:"roles"`
	Clauses []Clause                      `json:"clauses"` // one of a sentence that nothing cuts
	Cases   []string                      `json:"cases"`
}

// Clause is one part of a requirement.
type Clause struct {
	ID      string                        `json:"id"`
	Says    string                        `json:"says"`
	Verdict verdict.Verdict               `json:"verdict"`
	Roles   map[role.Role]verdict.Verdict `json:"roles"`
}

// Case is one planned case.
type Case struct {
	ID          string          `json:"id"`
	Role        role.Role       `json:"role"`
	Area        string          `json:"area"`
	Says        string          `json:"says"`
	Verifies    []string        `json:"verifies"` // requirements
	Clauses     []string        `json:"clauses"`  // of them
	Verdict     verdict.Verdict `json:"verdict"`
	Level       string          `json:"level,omitempty"`
	Profile     string          `json:"profile,omitempty"`
	Requirement string          `json:"requirement,omitempty"`
	Observation Observation     `json:"observation"`
	Checks      []Check         `json:"checks"`
	ChecksLeft  int             `json:"checks_left,omitempty"`
	Expectation *Expectation    `json:"expectation,omitempty"`
	Attempts    []Attempt       `json:"attempts"`
	DurationMS  int64           `json:"duration_ms"`
	Again       string          `json:"again"`
}

// Expectation is the entry of the list of known deviations that explains a case.
type Expectation struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
	Issue  string `json:"issue,omitempty"`
	Cause  string `json:"cause"`
}

// Attempt is one run of a case.
type Attempt struct {
	Number     int             `json:"number"`
	Verdict    verdict.Verdict `json:"verdict"`
	DurationMS int64           `json:"duration_ms"`
}

// Control is the plain task that must succeed first.
type Control struct {
	Sandbox     int         `json:"sandbox"`
	Role        role.Role   `json:"role"`
	Observation Observation `json:"observation"`
}

// Problem is a finding about the run as a whole.
type Problem struct {
	Kind verdict.ProblemKind `json:"kind"`
	Case string              `json:"case,omitempty"`
	Text string              `json:"text"`

	Pattern string `json:"pattern,omitempty"`
	Seen    string `json:"seen,omitempty"`
}

// From computes the file from a model.
func From(m verdict.Model) Result {
	r := Result{
		Schema: Schema, Identity: identityOf(m.Identity), Environment: m.Environment, Partial: m.Partial(),
		PartialWhy: list(words.Partial(m)), Part: words.Part(m.Part), Unlisted: m.Unlisted, Exit: verdict.Exit(m, verdict.Any),
		Started: moment(m.Started), Ended: moment(m.Ended),
		Profiles: []Profile{}, Requirements: []Requirement{}, Cases: []Case{}, Controls: []Control{}, Problems: []Problem{},
	}
	if r.Environment == nil {
		r.Environment = map[string]string{}
	}
	for _, run := range m.Joined {
		id := identityOf(run)
		r.Joined = append(r.Joined, Joined{RunID: id.RunID, Manifest: id.Manifest, Roles: id.Roles, Filter: id.Filter, Shard: id.Shard, Command: id.Command})
	}
	for _, p := range m.Profiles {
		headline, _ := words.Headline(m.Answer(p.Name))
		r.Profiles = append(r.Profiles, Profile{
			Name: string(p.Name), Exit: p.Exit, Headline: headline, Total: p.Total, Holds: p.Holds(), Counts: p.Counts, Clauses: p.Clauses, Tested: p.Tested,
		})
	}
	for _, q := range m.Requirements {
		row := Requirement{
			ID: q.ID, Area: q.Area, Level: string(q.Level), Profile: string(q.Profile),
			Verdict: q.Verdict, Reason: words.Reason(q), Roles: q.Roles, Cases: list(q.Cases),
		}
		for _, c := range q.Clauses {
			row.Clauses = append(row.Clauses, Clause{ID: c.ID, Says: c.Says, Verdict: c.Verdict, Roles: c.Roles})
		}
		r.Requirements = append(r.Requirements, row)
	}
	for _, c := range m.Cases {
		r.Cases = append(r.Cases, caseOf(c))
	}
	for _, c := range m.Controls {
		r.Controls = append(r.Controls, Control{Sandbox: c.Sandbox, Role: c.Role, Observation: observationOf(c.Observation)})
	}
	for _, p := range m.Problems {
		r.Problems = append(r.Problems, Problem(p))
	}
	return r
}

func identityOf(id verdict.Identity) Identity {
	return Identity{
		RunID: id.RunID, Suite: id.Suite, Commit: id.Commit, Catalogue: id.Catalogue, Implementation: id.Implementation, Version: id.Version,
		Manifest: id.Manifest, Roles: list(id.Roles), Sandbox: id.Sandbox, Filter: id.Filter, Command: list(id.Command), Planned: list(id.Planned),
		Shard: (*Shard)(id.Shard),
	}
}

func observationOf(o verdict.Observation) Observation {
	return Observation{
		Outcome: string(o.Outcome), Requirement: o.Requirement, Clause: o.Clause, Says: o.Says, Expected: o.Expected, Actual: o.Actual, Where: o.Where, Capability: o.Capability,
	}
}

func caseOf(c verdict.Case) Case {
	out := Case{
		ID: c.ID, Role: c.Role, Area: c.Area, Says: c.Says, Verifies: list(c.Verifies), Clauses: list(c.Clauses()),
		Verdict: c.Verdict, Level: string(c.Level), Profile: string(c.Profile), Requirement: c.Requirement,
		Observation: observationOf(c.Observation), Checks: []Check{}, ChecksLeft: c.ChecksLeft,
		Attempts: []Attempt{}, DurationMS: c.Duration.Milliseconds(), Again: c.Again,
	}
	for _, made := range c.Checks {
		out.Checks = append(out.Checks, Check(made))
	}
	if len(c.Known) > 0 {
		k := c.Known[0]
		out.Expectation = &Expectation{Line: k.Line, Reason: k.Reason, Issue: k.Issue, Cause: k.Cause}
	}
	for _, a := range c.Attempts {
		out.Attempts = append(out.Attempts, Attempt{Number: a.Number, Verdict: a.Verdict, DurationMS: a.Duration.Milliseconds()})
	}
	return out
}

// Write writes the model as indented JSON.
func Write(w io.Writer, m verdict.Model) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", " ")
	err := encoder.Encode(From(m))
	if err == nil {
		_, err = w.Write(printable.JSON(text.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("write result.json: %w", err)
	}
	return nil
}

// Read reads a file that Write wrote. A file of another schema is an error.
func Read(in io.Reader) (Result, error) {
	var r Result
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return Result{}, fmt.Errorf("read result.json: %w", err)
	}
	if r.Schema != Schema {
		return Result{}, fmt.Errorf("read result.json: schema %d, and this version of Understudy reads schema %d: play the run again, or read the file with the version that wrote it", r.Schema, Schema)
	}
	return r, nil
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return slices.Clone(s)
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
