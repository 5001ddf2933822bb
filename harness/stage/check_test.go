package stage

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/onsi/gomega"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/record"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/shape"
)

// seen runs f with a check and returns how it ended the scenario, or nil. A violation is
// what the last event of the journal says, and without one all checks of it held.
func seen(t *testing.T, f func(Check)) (o *journal.Observation) {
	t.Helper()
	w := world.New(shape.Of(shape.Default()))
	s := &Stage{World: w, spec: Spec{Verifies: []string{"IMP-004"}}}
	made := []journal.Check{}
	s.record = &record.Record{Write: func(e journal.Event) {
		if e.Check != nil {
			made = append(made, *e.Check)
		}
	}, Secrets: w.Secrets}
	defer func() {
		t.Helper()
		failed := slices.IndexFunc(made, func(c journal.Check) bool { return !c.Held })
		if o == nil || o.Outcome != journal.Violated {
			if failed >= 0 {
				t.Errorf("%+v, and a check that did not hold: %+v", o, made[failed])
			}
			return
		}
		want := journal.Check{
			Requirement: o.Requirement, Clause: o.Requirement, What: o.Says, Premise: isControl(o.Says) || failed >= 0 && made[failed].Premise, Expected: o.Expected, Actual: o.Actual, Where: o.Where,
		}
		if failed < 0 || failed != len(made)-1 || made[failed] != want {
			t.Errorf("%+v, and the checks %+v", o, made)
		}
	}()
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

func TestWhatHeldIsSaidAsWell(t *testing.T) {
	for name, test := range map[string]struct {
		check func(Check)
		want  journal.Check
	}{
		"equal":    {func(c Check) { c.Equal("n", uint8(3), 3) }, journal.Check{What: "n", Expected: "3", Actual: "3"}},
		"true":     {func(c Check) { c.True("n", true, "one", "none") }, journal.Check{What: "n", Expected: "one"}},
		"contains": {func(c Check) { c.Contains("n", "abc", "b") }, journal.Check{What: "n", Expected: `a text with "b"`, Actual: "b"}},
		"matches":  {func(c Check) { c.Matches("n", "abc", "^a.") }, journal.Check{What: "n", Expected: "a text that matches ^a.", Actual: "ab"}},
		"empty":    {func(c Check) { c.Empty("n") }, journal.Check{What: "n", Expected: "none", Actual: "none"}},
		"count":    {func(c Check) { c.Count("n", "a b a", "a", 2) }, journal.Check{What: "n", Expected: `"a" occurs 2 times`, Actual: "2 times"}},
		"line":     {func(c Check) { c.LineWith("n", "x\nab\n", "a", "b") }, journal.Check{What: "n", Expected: "a line that matches a and b", Actual: "ab"}},
		"control":  {func(c Check) { c.Equal("control: n", 1, 1) }, journal.Check{What: "control: n", Premise: true, Expected: "1", Actual: "1"}},
		"long": {
			func(c Check) { c.Equal("n", strings.Repeat("x", record.MaxText), strings.Repeat("x", record.MaxText)) },
			journal.Check{What: "n", Expected: journal.Bound(`"`+strings.Repeat("x", record.MaxText)+`"`, journal.MaxShort), Actual: journal.Bound(`"`+strings.Repeat("x", record.MaxText)+`"`, journal.MaxShort)},
		},
		"secret": {func(c Check) { c.Contains("n", "abc hunter2", "hunter2") }, journal.Check{What: "n", Expected: `a text with "***"`, Actual: "***"}},
	} {
		var made []journal.Event
		s := &Stage{spec: Spec{Verifies: []string{"IMP-004"}}}
		s.record = &record.Record{Write: func(e journal.Event) { made = append(made, e) }, Secrets: func() []string { return []string{"hunter2"} }}
		test.check(s.Require("IMP-004"))
		if len(made) != 1 || made[0].Check == nil {
			t.Errorf("%s: %+v", name, made)
			continue
		}
		got, want := *made[0].Check, test.want
		want.Requirement, want.Clause, want.Held, want.Where = "IMP-004", "IMP-004", true, got.Where
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.HasPrefix(got.Where, "harness/stage/check_test.go:") || s.record.Shows("IMP-004") == want.Premise {
			t.Errorf("%s: made at %q, and shows something of the requirement: %v", name, got.Where, s.record.Shows("IMP-004"))
		}
	}
}
