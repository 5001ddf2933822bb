package stage

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Count requires that a marker occurs so many times in a text.
func (c Check) Count(what, text, marker string, times int) {
	if n := strings.Count(text, marker); n != times {
		c.fails(what, fmt.Sprintf("%q occurs %d times", marker, times), fmt.Sprintf("%d times\nthe end of it:\n%s", n, end(text)))
	}
	c.held(what)
}

// Once requires that a marker occurs exactly once in a text.
func (c Check) Once(what, text, marker string) { c.Count(what, text, marker, 1) }

// LineWith requires one line in which all patterns are found, so that words of
// different records do not add up to an answer.
func (c Check) LineWith(what, text string, patterns ...string) {
	expressions := make([]*regexp.Regexp, len(patterns))
	for i, pattern := range patterns {
		expression, err := regexp.Compile(pattern)
		c.stage.must(err)
		expressions[i] = expression
	}
lines:
	for line := range strings.Lines(text) {
		for _, expression := range expressions {
			if !expression.MatchString(line) {
				continue lines
			}
		}
		c.held(what)
		return
	}
	c.fails(what+": no line says what it must", "a line that matches "+strings.Join(patterns, " and "), end(text))
}

// Name is the pattern of a name that stands for itself: in "probe_alice" the
// name alice does not.
func Name(name string) string { return `(^|[^\w])` + regexp.QuoteMeta(name) + `($|[^\w])` }

// NoWrapped requires that no record's text is a JSON record itself.
func (c Check) NoWrapped(what string, records []map[string]any) {
	var wrapped []string
	for _, record := range records {
		text, _ := record["event"].(string)
		begin := strings.IndexByte(text, '{')
		if begin < 0 {
			continue
		}
		var inner map[string]any
		if json.NewDecoder(strings.NewReader(text[begin:])).Decode(&inner) == nil && inner["event"] != nil {
			wrapped = append(wrapped, text)
		}
	}
	c.Empty(what, wrapped...)
}

// NoRepeated requires that no record with a time stamp occurs twice. At least one
// must be there: without time stamps nobody can tell the same from an equal one.
func (c Check) NoRepeated(what, channel string) {
	seen, repeated := map[string]bool{}, []string{}
	for line := range strings.Lines(channel) {
		if !strings.Contains(line, `"timestamp"`) {
			continue
		}
		if seen[line] {
			repeated = append(repeated, line)
		}
		seen[line] = true
	}
	if len(seen) == 0 {
		c.fails("control: no record has a time stamp", `a line with "timestamp"`, end(channel))
	}
	c.Empty(what, repeated...)
}
