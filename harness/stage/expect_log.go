package stage

import (
	"fmt"
	"regexp"
	"strings"
)

// Count requires that a marker occurs so many times in a text.
func (c Check) Count(what, text, marker string, times int) {
	n, expected := strings.Count(text, marker), fmt.Sprintf("%q occurs %d times", marker, times)
	if n != times {
		c.fails(what, expected, fmt.Sprintf("%d times\nthe end of it:\n%s", n, c.stage.record.End(text)))
	}
	c.held(what, expected, fmt.Sprintf("%d times", n))
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
	expected := "a line that matches " + strings.Join(patterns, " and ")
lines:
	for line := range strings.Lines(text) {
		for _, expression := range expressions {
			if !expression.MatchString(line) {
				continue lines
			}
		}
		c.held(what, expected, strings.TrimSuffix(line, "\n"))
		return
	}
	c.fails(what+": no line says what it must", expected, c.stage.record.End(text))
}

// Name is the pattern of a name that stands for itself: in "probe_alice" the
// name alice does not.
func Name(name string) string { return `(^|[^\w])` + regexp.QuoteMeta(name) + `($|[^\w])` }
