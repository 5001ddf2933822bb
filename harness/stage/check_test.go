package stage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// seen runs f with a check and returns how it ended the scenario, or nil.
func seen(t *testing.T, f func(Check)) (o *journal.Observation) {
	t.Helper()
	w := world.New(shape.Of(shape.Default()))
	s := &Stage{World: w, spec: Spec{Verifies: []string{"IMP-004"}}}
	s.record = &record{write: func(journal.Event) {}, secrets: w.Secrets}
	defer func() {
		if fault := recover(); fault != nil {
			observation := fault.(stop).observation
			o = &observation
		}
	}()
	f(s.Require("IMP-004"))
	return nil
}

func TestChecks(t *testing.T) {
	for name, test := range map[string]struct {
		check            func(Check)
		expected, actual string // "" both: it holds
	}{
		"equal numbers of different types": {func(c Check) { c.Equal("n", uint8(3), 3) }, "", ""},
		"integer and float":                {func(c Check) { c.Equal("n", 1.0, 1) }, "1", "1.0"},
		"equal trees":                      {func(c Check) { c.Equal("n", map[string]any{"a": []int{1}}, map[string]any{"a": []any{int64(1)}}) }, "", ""},
		"texts":                            {func(c Check) { c.Equal("n", "a", "b") }, `"b"`, `"a"`},
		"nothing and empty text":           {func(c Check) { c.Equal("n", nil, "") }, `""`, "null"},
		"true":                             {func(c Check) { c.True("n", true, "e", "a") }, "", ""},
		"not true":                         {func(c Check) { c.True("n", false, "e", "a") }, "e", "a"},
		"a matcher that holds":             {func(c Check) { c.That("n", 3, gomega.BeNumerically(">", 2)) }, "", ""},
		"a matcher that does not":          {func(c Check) { c.That("n", 3, gomega.BeNumerically(">", 4)) }, "Expected\n    <int>: 3\nto be >\n    <int>: 4", "3"},
		"contains":                         {func(c Check) { c.Contains("n", "abc", "b") }, "", ""},
		"does not contain":                 {func(c Check) { c.Contains("n", "abc", "x") }, `a text with "x"`, "abc"},
		"contains in nothing":              {func(c Check) { c.Contains("n", "", "x") }, `a text with "x"`, "(nothing)"},
		"matches":                          {func(c Check) { c.Matches("n", "abc", "^a.c$") }, "", ""},
		"does not match":                   {func(c Check) { c.Matches("n", "abc", "^b") }, "a text that matches ^b", "abc"},
		"empty":                            {func(c Check) { c.Empty("n") }, "", ""},
		"not empty":                        {func(c Check) { c.Empty("n", "a", "b") }, "none", "a\nb"},
	} {
		o := seen(t, test.check)
		if test.expected == "" && test.actual == "" {
			if o != nil {
				t.Errorf("%s: does not hold: %+v", name, o)
			}
			continue
		}
		if o == nil {
			t.Errorf("%s: holds", name)
			continue
		}
		if o.Outcome != journal.Violated || o.Requirement != "IMP-004" || !strings.HasPrefix(o.Where, "harness/stage/check_test.go:") {
			t.Errorf("%s: %+v", name, o)
		}
		if diff := cmp.Diff([2]string{test.expected, test.actual}, [2]string{o.Expected, o.Actual}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestALongDifferenceIsShownAsOne(t *testing.T) {
	long := strings.Repeat("x", 500)
	o := seen(t, func(c Check) { c.Equal("n", []any{long, 1}, []any{long, 2}) })
	if o == nil || !strings.Contains(o.Actual, "- expected, + actual") {
		t.Errorf("%+v", o)
	}
}

func TestAPatternThatIsNoneIsAHarnessError(t *testing.T) {
	if o := seen(t, func(c Check) { c.Matches("n", "abc", "(") }); o == nil || o.Outcome != journal.HarnessError {
		t.Errorf("%+v", o)
	}
}
