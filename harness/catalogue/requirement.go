package catalogue

import (
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Level is how much a requirement asks for, as in RFC 2119.
type Level string

const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Profile is the set of requirements that a requirement belongs to.
type Profile string

const (
	// Upstream is what Apache Airflow promises or plainly does.
	Upstream Profile = "upstream"
	// Hardened is what is better than Airflow's behaviour and does not contradict it.
	Hardened Profile = "hardened"
)

// Profiles lists both, in the order in which reports show them.
func Profiles() []Profile { return []Profile{Upstream, Hardened} }

// Requirement is one row of the catalogue. Ids are never reused.
type Requirement struct {
	ID         string        `yaml:"id" json:"id"`
	Area       string        `yaml:"-" json:"area"`
	Level      Level         `yaml:"level" json:"level"`
	Profile    Profile       `yaml:"profile" json:"profile"`
	Roles      []role.Role   `yaml:"roles" json:"roles"`       // where it can be seen
	Sentence   string        `yaml:"sentence" json:"sentence"` // what must hold
	Clauses    []Clause      `yaml:"clauses" json:"clauses"`   // its parts; of a sentence that nothing cuts one, which is all of it
	Why        string        `yaml:"why" json:"why"`           // what goes wrong otherwise
	Evidence   []Evidence    `yaml:"evidence" json:"evidence,omitempty"`
	Airflow    release.Range `yaml:"airflow" json:"airflow"`                           // releases it holds for: ">=3.0.3,<3.4"
	Untestable string        `yaml:"untestable,omitempty" json:"untestable,omitempty"` // why no scenario can show it from outside
	Notes      string        `yaml:"notes,omitempty" json:"notes,omitempty"`
}

// Clause is one part of a requirement that can be broken alone, and has a check of its own.
type Clause struct {
	ID    string      `yaml:"-" json:"id"`                // "IMP-011.path"; of a sentence that nothing cuts the requirement's
	Name  string      `yaml:"name" json:"name,omitempty"` // "path"; never reused in the requirement
	Says  string      `yaml:"says" json:"says"`           // what must hold, a phrase
	Roles []role.Role `yaml:"roles" json:"roles"`         // where it can be seen; not named, where the requirement can
}

// Of is the id of the requirement of which a clause is a part.
func Of(clause string) string {
	requirement, _, _ := strings.Cut(clause, ".")
	return requirement
}

// Evidence says where a requirement comes from.
type Evidence struct {
	Kind EvidenceKind `yaml:"kind" json:"kind"`
	Ref  string       `yaml:"ref" json:"ref"`                     // "#51780", a file, the name of a finding or experiment
	URL  string       `yaml:"url,omitempty" json:"url,omitempty"` // absolute, https
}

// EvidenceKind says what sort of thing an Evidence points to.
type EvidenceKind string

const (
	Issue      EvidenceKind = "issue"
	Pull       EvidenceKind = "pull"
	Document   EvidenceKind = "document"   // a specification, a page, or a source file that decides the matter
	Finding    EvidenceKind = "finding"    // a published security review, or a page of docs/findings
	Experiment EvidenceKind = "experiment" // seen to happen; the ref names with what
)

// Area is a group of requirements: one file of the catalogue.
type Area struct {
	Name         string // "lifecycle": the file's name, the folder of the scenarios, plan.Case.Area
	Prefix       string // "LIFE": what the ids begin with
	Title        string // "Life cycle": for people
	Requirements []*Requirement
}
