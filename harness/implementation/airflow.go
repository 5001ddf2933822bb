package implementation

import (
	"encoding/json"

	"github.com/understudy-conformance/understudy/protocol/release"
)

// Airflow is the release of Airflow as which an implementation wants to be judged, such
// as 3.4.0b2, or a command that prints it. The zero Airflow says nothing.
type Airflow struct {
	Release string
	Command []string // run in the sandbox as the worker account
}

// UnmarshalJSON reads a text or a list of texts.
func (a *Airflow) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, &a.Command)
	}
	return json.Unmarshal(text, &a.Release)
}

// MarshalJSON gives the form that UnmarshalJSON reads.
func (a Airflow) MarshalJSON() ([]byte, error) {
	if len(a.Command) > 0 {
		return json.Marshal(a.Command)
	}
	return json.Marshal(a.Release)
}

// IsZero says whether it says nothing.
func (a Airflow) IsZero() bool { return a.Release == "" && a.Command == nil }

// Version is the release that is named: none where a command tells it, or nothing does.
func (a Airflow) Version() release.Version {
	v, _ := release.Parse(a.Release) // check has seen to it
	return v
}

// airflow wants a version or a command.
func (c *checker) airflow(a Airflow) {
	path := []string{"airflow"}
	if len(a.Command) > 0 {
		c.argv(path, a.Command, always)
	} else if _, err := release.ParseJudged(a.Release); err != nil && !a.IsZero() {
		c.found(path, err.Error(), "write the release that the program is, or a command that prints it, as a list")
	}
}
