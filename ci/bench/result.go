package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Results is what one run of the benchmarks leaves behind.
type Results struct {
	Schema  int       `json:"schema"`
	Begun   time.Time `json:"begun"`
	Machine Machine   `json:"machine"`
	Lines   []Line    `json:"lines"`
}

// Line is one thing measured.
type Line struct {
	Name    string  `json:"name"`
	Subject string  `json:"subject"`         // what is judged
	Floor   string  `json:"floor,omitempty"` // what it is compared with in the same run
	Goal    Goal    `json:"goal"`
	Unit    string  `json:"unit"`  // of Value and Goal: "x" is a ratio
	Pairs   int     `json:"pairs"` // measurements behind Value
	Value   Spread  `json:"value"`
	Met     bool    `json:"met"`
	Times   *Times  `json:"times_ms,omitempty"`
	Phases  []Phase `json:"phases_ms,omitempty"` // the subject, cut into pieces that follow one another
	Parts   []Phase `json:"parts_ms,omitempty"`  // single programs, measured by themselves
	Facts   []Fact  `json:"facts,omitempty"`     // what else was seen

	// Profile holds CPU profiles (pprof) by file name; written to files of their
	// own, never into the results.
	Profile map[string][]byte `json:"profile,omitempty"`
}

// Times are both sides of the pairs in milliseconds.
type Times struct {
	Subject Spread `json:"subject"`
	Floor   Spread `json:"floor"`
}

// Phase is a named span of time in milliseconds.
type Phase struct {
	Name string `json:"name"`
	Time Spread `json:"time"`
}

// Fact is a named figure with its unit in words.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Goal bounds the median from one side.
type Goal struct {
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
}

// Holds reports whether a median meets the goal.
func (g Goal) Holds(median float64) bool {
	if g.AtLeast > 0 {
		return median >= g.AtLeast
	}
	return median <= g.AtMost
}

func (g Goal) String() string {
	if g.AtLeast > 0 {
		return fmt.Sprintf(">= %g", g.AtLeast)
	}
	return fmt.Sprintf("<= %g", g.AtMost)
}

// judged completes a line that was measured by pairs.
func judged(l Line, pairs []pair) Line {
	l.Unit, l.Pairs = "x", len(pairs)
	l.Value = ratios(pairs, l.Goal.AtLeast > 0)
	l.Met = l.Goal.Holds(l.Value.Median)
	l.Phases = phases(pairs)
	l.Times = &Times{
		Subject: milliseconds(pairs, func(p pair) sample { return p.subject }),
		Floor:   milliseconds(pairs, func(p pair) sample { return p.floor }),
	}
	return l
}

// Missed lists the lines whose goal is not met.
func (r Results) Missed() []Line {
	var missed []Line
	for _, l := range r.Lines {
		if !l.Met {
			missed = append(missed, l)
		}
	}
	return missed
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
