package expect

import (
	"regexp"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/glob"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Cause says on whose side the matter lies.
type Cause string

const (
	Implementation Cause = "implementation" // a fault of the program under test
	Gap            Cause = "gap"            // it does not have the feature (yet)
	Suite          Cause = "suite"          // the scenario is wrong
	Spec           Cause = "spec"           // the requirement is disputed
)

// Entry is one known deviation: in the cases that it covers, every one must end
// in the outcome and with a text that Actual matches.
type Entry struct {
	Case        string          `yaml:"case,omitempty" json:"case,omitempty"`               // a case id, a prefix of one up to a '/', or a pattern where * stands for anything
	Requirement string          `yaml:"requirement,omitempty" json:"requirement,omitempty"` // instead of Case: all cases that verify this requirement
	Role        role.Role       `yaml:"role,omitempty" json:"role,omitempty"`               // only cases of this role
	Airflow     release.Range   `yaml:"airflow,omitempty" json:"airflow,omitzero"`          // only where the implementation is judged as one of these releases
	Outcome     journal.Outcome `yaml:"outcome,omitempty" json:"outcome,omitempty"`         // violated (default), could-not-run or not-applicable
	Actual      string          `yaml:"actual" json:"actual"`                               // regular expression (RE2), see Explains
	Reason      string          `yaml:"reason" json:"reason"`
	Issue       string          `yaml:"issue,omitempty" json:"issue,omitempty"`
	Cause       Cause           `yaml:"cause" json:"cause"`
	// Intermittent says that the deviation depends on timing: the entry is not stale
	// when a case holds.
	Intermittent bool   `yaml:"intermittent,omitempty" json:"intermittent,omitempty"`
	Until        string `yaml:"until,omitempty" json:"until,omitempty"` // the last day, UTC, on which the entry holds: 2026-12-31
	Line         int    `yaml:"-" json:"line,omitempty"`                // in the file

	actual *regexp.Regexp
	until  time.Time
}

// Covers says whether the entry speaks about the case, as a release of which both hold.
func (e *Entry) Covers(c plan.Case) bool {
	if _, some := e.Airflow.And(c.Airflow); !some || e.Role != "" && e.Role != c.Role {
		return false
	}
	if e.Requirement != "" {
		for _, id := range c.Verifies {
			if id == e.Requirement {
				return true
			}
		}
		return false
	}
	return matches(e.Case, c.ID)
}

// Explains says whether the observation is what the entry describes. The regular
// expression looks at what the scenario said, expected and saw, one below the other.
func (e *Entry) Explains(o journal.Observation) bool {
	return o.Outcome == e.Outcome && e.actual.MatchString(Text(o))
}

// Expired says whether the last day of the entry has passed.
func (e *Entry) Expired(now time.Time) bool {
	return !e.until.IsZero() && !now.Before(e.until.AddDate(0, 0, 1))
}

// Target is what the entry names: a case pattern or a requirement.
func (e *Entry) Target() string {
	target := e.Case + e.Requirement
	if e.Role != "" {
		target += " (" + string(e.Role) + ")"
	}
	if !e.Airflow.IsZero() {
		target += " (Airflow " + e.Airflow.String() + ")"
	}
	return target
}

// Text is what the pattern of an entry is held against.
func Text(o journal.Observation) string {
	return strings.Join([]string{o.Says, o.Expected, o.Actual}, "\n")
}

// matches: without * the pattern is the id itself or a prefix of it that ends before a slash.
func matches(pattern, id string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == id || strings.HasPrefix(id, strings.TrimSuffix(pattern, "/")+"/")
	}
	return glob.Match(pattern, id)
}
