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

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Schema is the version of the shape.
const Schema = 1

//go:embed result.schema.json
var published []byte

// JSONSchema returns the published JSON Schema (draft 2020-12).
func JSONSchema() []byte { return bytes.Clone(published) }

// Result is the whole file.
type Result struct {
	Schema       int               `json:"schema"`
	Identity     journal.Identity  `json:"identity"`
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
	RunID    string         `json:"run_id"`
	Manifest string         `json:"manifest"`
	Roles    []role.Role    `json:"roles"`
	Filter   string         `json:"filter,omitempty"`
	Shard    *journal.Shard `json:"shard,omitempty"`
	Command  []string       `json:"command"`
}

// Profile is the summary of a profile; Counts are numbers of requirements.
type Profile struct {
	Name     string                  `json:"name"`
	Exit     int                     `json:"exit"`
	Headline string                  `json:"headline"`
	Total    int                     `json:"total"`
	Holds    int                     `json:"holds"`
	Counts   map[verdict.Verdict]int `json:"counts"`
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
	Cases   []string                      `json:"cases"`
}

// Case is one planned case.
type Case struct {
	ID          string              `json:"id"`
	Role        role.Role           `json:"role"`
	Area        string              `json:"area"`
	Says        string              `json:"says"`
	Verifies    []string            `json:"verifies"`
	Verdict     verdict.Verdict     `json:"verdict"`
	Level       string              `json:"level,omitempty"`
	Profile     string              `json:"profile,omitempty"`
	Requirement string              `json:"requirement,omitempty"`
	Observation journal.Observation `json:"observation"`
	Expectation *Expectation        `json:"expectation,omitempty"`
	Attempts    []Attempt           `json:"attempts"`
	DurationMS  int64               `json:"duration_ms"`
	Again       string              `json:"again"`
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
	Sandbox     int                 `json:"sandbox"`
	Role        role.Role           `json:"role"`
	Observation journal.Observation `json:"observation"`
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
		Schema: Schema, Identity: m.Identity, Environment: m.Environment, Partial: m.Partial(),
		PartialWhy: list(words.Partial(m)), Part: words.Part(m.Part), Unlisted: m.Unlisted, Exit: verdict.Exit(m, verdict.Any),
		Started: moment(m.Started), Ended: moment(m.Ended),
		Profiles: []Profile{}, Requirements: []Requirement{}, Cases: []Case{}, Controls: []Control{}, Problems: []Problem{},
	}
	r.Identity.Roles, r.Identity.Command, r.Identity.Planned = list(m.Identity.Roles), list(m.Identity.Command), list(m.Identity.Planned)
	if r.Environment == nil {
		r.Environment = map[string]string{}
	}
	for _, id := range m.Joined {
		r.Joined = append(r.Joined, Joined{
			RunID: id.RunID, Manifest: id.Manifest, Roles: list(id.Roles), Filter: id.Filter, Shard: id.Shard, Command: list(id.Command),
		})
	}
	for _, p := range m.Profiles {
		headline, _ := words.Headline(m.Answer(p.Name))
		r.Profiles = append(r.Profiles, Profile{
			Name: string(p.Name), Exit: p.Exit, Headline: headline, Total: p.Total, Holds: p.Holds(), Counts: p.Counts,
		})
	}
	for _, q := range m.Requirements {
		r.Requirements = append(r.Requirements, Requirement{
			ID: q.ID, Area: q.Area, Level: string(q.Level), Profile: string(q.Profile),
			Verdict: q.Verdict, Reason: words.Reason(q), Roles: q.Roles, Cases: list(q.Cases),
		})
	}
	for _, c := range m.Cases {
		r.Cases = append(r.Cases, caseOf(c))
	}
	for _, c := range m.Controls {
		r.Controls = append(r.Controls, Control(c))
	}
	for _, p := range m.Problems {
		r.Problems = append(r.Problems, Problem(p))
	}
	return r
}

func caseOf(c verdict.Case) Case {
	out := Case{
		ID: c.ID, Role: c.Role, Area: c.Area, Says: c.Says, Verifies: list(c.Verifies),
		Verdict: c.Verdict, Level: string(c.Level), Profile: string(c.Profile), Requirement: c.Requirement,
		Observation: c.Observation, Attempts: []Attempt{}, DurationMS: c.Duration.Milliseconds(), Again: c.Again,
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
		_, err = w.Write(journal.Visible(text.Bytes()))
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
		return Result{}, fmt.Errorf("read result.json: schema %d, this program reads %d", r.Schema, Schema)
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
