package stage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega/types"

	"github.com/understudy-conformance/understudy/harness/world"
)

// Check holds one clause of a requirement against what was seen. Each check is an event of the
// journal, and the first one that fails ends the scenario as a violation of that
// clause. Each what names the thing that was looked at, such as "real uid of
// the task"; it begins with "control: " where the check shows nothing of the
// requirement, but that one that follows can fail.
type Check struct {
	stage  *Stage
	clause string
}

// Require returns the checks of a clause, which must be one of those that the Spec
// verifies: "IMP-011.path", or "IMP-004" of a sentence that nothing cuts.
func (s *Stage) Require(clause string) Check {
	if !slices.Contains(s.spec.Verifies, clause) {
		s.broken("the scenario checks %s but does not list it in Verifies", clause)
	}
	return Check{stage: s, clause: clause}
}

func (c Check) held(what, expected, actual string) {
	c.stage.held(c.clause, what, expected, actual)
}

func (c Check) fails(what, expected, actual string) {
	c.stage.violated(c.clause, what, expected, actual)
}

// Equal requires that got and want are the same value. Numbers of the same
// worth and of different Go types are the same, but 1 and 1.0 are not.
func (c Check) Equal(what string, got, want any) {
	got, want = world.Canonical(got), world.Canonical(want)
	expected, actual := shown(want), shown(got)
	if diff := cmp.Diff(want, got); diff != "" {
		if expected == actual || len(expected)+len(actual) > 400 {
			actual = "difference (- expected, + actual):\n" + diff
		}
		c.fails(what+" is not what it should be", expected, actual)
	}
	c.held(what, expected, actual)
}

func shown(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	if text, err := world.AppendJSON(nil, v); err == nil {
		return string(text)
	}
	return fmt.Sprintf("%+v", v)
}

// True requires a condition, and says in words what was expected and seen.
func (c Check) True(what string, holds bool, expected, actual string) {
	if !holds {
		c.fails(what, expected, actual)
	}
	c.held(what, expected, "") // actual is said of the other case
}

// That requires what a Gomega matcher says of the actual value. A matcher that
// cannot be applied to it is a harness error.
func (c Check) That(what string, actual any, matcher types.GomegaMatcher) {
	holds, err := matcher.Match(actual)
	c.stage.must(err)
	if !holds {
		c.fails(what, matcher.FailureMessage(actual), shown(actual))
	}
	c.held(what, "", shown(actual))
}

// Contains requires that the text holds sub.
func (c Check) Contains(what, text, sub string) {
	expected := fmt.Sprintf("a text with %q", sub)
	if !strings.Contains(text, sub) {
		c.fails(what+" does not contain what it should", expected, c.stage.record.End(text))
	}
	c.held(what, expected, sub)
}

// Matches requires that the regular expression matches somewhere in the text.
func (c Check) Matches(what, text, pattern string) {
	re, err := regexp.Compile(pattern)
	c.stage.must(err)
	found := re.FindString(text)
	if found == "" && !re.MatchString(text) {
		c.fails(what+" does not match", "a text that matches "+pattern, c.stage.record.End(text))
	}
	c.held(what, "a text that matches "+pattern, found)
}

// Empty requires that there is nothing of a kind.
func (c Check) Empty(what string, things ...string) {
	if len(things) > 0 {
		c.fails(what+": there should be none", "none", strings.Join(things, "\n"))
	}
	c.held(what, "none", "none")
}
