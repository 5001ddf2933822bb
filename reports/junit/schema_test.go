package junit_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
)

// rule is what a schema permits of one element.
type rule struct {
	required, optional []string // attributes
	children           []string
	text               bool
}

// xunit is what the schema of Jenkins' xunit plugin for JUnit permits, junit-10.xsd of
// github.com/jenkinsci/xunit-plugin (MIT), of the elements that are written here: all
// children may come in any number and order.
var xunit = map[string]rule{
	"testsuites": {optional: []string{"name", "time", "tests", "failures", "errors"}, children: []string{"testsuite"}},
	"testsuite": {
		required: []string{"name", "tests", "failures", "errors"},
		optional: []string{"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
		children: []string{"testsuite", "properties", "testcase", "system-out", "system-err"},
	},
	"properties": {children: []string{"property"}},
	"property":   {required: []string{"name", "value"}},
	"testcase":   {required: []string{"name"}, optional: []string{"time", "classname", "group"}, children: []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"failure":    {optional: []string{"type", "message"}, text: true},
	"error":      {optional: []string{"type", "message"}, text: true},
	"skipped":    {optional: []string{"type", "message"}, text: true},
}

// surefireTime is the form of the times of suites.
var surefireTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?$`)

// invalid lists in what a file is not as the schema wants it.
func invalid(text string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	decoder := xml.NewDecoder(strings.NewReader(text))
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return faults
		} else if err != nil {
			return append(faults, err.Error())
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			permitted, known := xunit[name]
			if !known {
				fault("element %s is not known", name)
			}
			if n := len(open); n > 0 && !slices.Contains(xunit[open[n-1]].children, name) {
				fault("%s is not allowed in %s", name, open[n-1])
			} else if n == 0 && name != "testsuites" {
				fault("the file begins with %s", name)
			}
			has := map[string]bool{}
			for _, a := range e.Attr {
				has[a.Name.Local] = true
				if !slices.Contains(append(permitted.required, permitted.optional...), a.Name.Local) {
					fault("attribute %s is not allowed on %s", a.Name.Local, name)
				}
				if a.Name.Local == "time" && name != "testcase" && !surefireTime.MatchString(a.Value) {
					fault("time of %s is %q", name, a.Value)
				}
			}
			for _, attribute := range permitted.required {
				if !has[attribute] {
					fault("%s has no %s", name, attribute)
				}
			}
			open = append(open, name)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if n := len(open); n > 0 && strings.TrimSpace(string(e)) != "" && !xunit[open[n-1]].text {
				fault("text is not allowed in %s: %q", open[n-1], e)
			}
		}
	}
}

// mixed is a run with everything that can go wrong: each case twice, a control that
// fails, entries that fit, that no longer happen, and that describe something else.
func mixed(t *testing.T) verdict.Model {
	t.Helper()
	c := demo.Catalogue()
	index := []plan.Case{
		{ID: "IMP-001/runner/a", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-001"}},
		{ID: "IMP-002/runner/b", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-002"}},
		{ID: "IMP-003/runner/c", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-003"}},
		{ID: "IMP-004/worker/d", Role: role.Worker, Area: "impersonation", Verifies: []string{"IMP-004"}},
	}
	var planned []string
	for _, kase := range index {
		planned = append(planned, kase.ID)
	}
	at := demo.Now
	failed := journal.Observation{Outcome: journal.CouldNotRun, Says: "a plain task does not succeed"}
	events := []journal.Event{
		{Time: at, RunStart: journal.Start(journal.Identity{Implementation: "Impl", Version: "3.3.2", Planned: planned, Roles: []role.Role{role.Runner, role.Worker}})},
		{Time: at, Sandbox: 1, SandboxStart: &journal.SandboxStart{}},
		{Time: at, Sandbox: 1, Control: &journal.Control{Role: "runner", Observation: journal.Observation{Outcome: journal.Held}}},
		{Time: at, Sandbox: 1, Control: &journal.Control{Role: "worker", Observation: failed}},
		{Time: at, Sandbox: 1, Control: &journal.Control{Role: "worker", Observation: failed}},
		{Time: at, Sandbox: 1, Control: &journal.Control{Role: "worker", Observation: journal.Observation{Outcome: journal.CouldNotRun, Says: "another cause"}}},
	}
	for attempt := 1; attempt <= 2; attempt++ {
		for i, o := range []journal.Observation{
			{Outcome: journal.Held},
			{Outcome: journal.Held},
			{Outcome: journal.Violated, Requirement: "IMP-003", Says: "pid 7 ran"},
		} {
			made := journal.Check{Requirement: index[i].Verifies[0], Clause: index[i].Verifies[0], What: o.Says, Held: o.Outcome == journal.Held}
			events = append(events,
				journal.Event{Time: at, Sandbox: 1, Case: planned[i], Attempt: attempt, CaseStart: &journal.CaseStart{}},
				journal.Event{Time: at, Sandbox: 1, Case: planned[i], Attempt: attempt, Check: &made},
				journal.Event{Time: at, Sandbox: 1, Case: planned[i], Attempt: attempt, CaseEnd: journal.End(o, 0)})
		}
	}
	events = append(events, journal.Event{Time: at, Sandbox: 1, SandboxEnd: &journal.SandboxEnd{}}, journal.Event{Time: at, RunEnd: &journal.RunEnd{}})
	known, err := expect.Read("known.yaml", []byte(`
- {case: IMP-001, actual: x+, reason: r, cause: gap}
- {case: IMP-003, actual: pid 8 ran, reason: r, cause: gap}
- {case: NONE-001, actual: x+, reason: r, cause: gap}
- {case: NONE-002, actual: x+, reason: r, cause: gap}
`))
	if err != nil {
		t.Fatal(err)
	}
	return verdict.Build(c, index, verdict.Collate(slices.Values(events)), known, at)
}

func TestItIsValidForJenkins(t *testing.T) {
	for name, m := range map[string]verdict.Model{"demo": demo.Model(), "mixed": mixed(t), "nothing": {}} {
		for _, fault := range invalid(write(t, m)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	if faults := invalid(`<testsuites skipped="1"><testsuite name="a" time="1e3"><testcase><b/></testcase>text</testsuite></testsuites>`); len(faults) != 9 {
		t.Errorf("of a file that is wrong in nine respects: %q", faults)
	}
}

type parsed struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Suites   []struct {
		Properties []struct{} `xml:"properties"`
		Cases      []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure string `xml:"failure"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestNoTwoTestsHaveOneName(t *testing.T) {
	for name, m := range map[string]verdict.Model{"demo": demo.Model(), "mixed": mixed(t)} {
		var p parsed
		if err := xml.Unmarshal([]byte(write(t, m)), &p); err != nil {
			t.Fatal(err)
		}
		seen := map[[2]string]bool{}
		for _, s := range p.Suites {
			for _, c := range s.Cases {
				if key := [2]string{c.Name, c.Class}; seen[key] {
					t.Errorf("%s: %s is there twice", name, key)
				} else {
					seen[key] = true
				}
			}
		}
	}
}

func TestWhatIsWrongCountsOnce(t *testing.T) {
	var p parsed
	text := write(t, mixed(t))
	if err := xml.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	// IMP-001 holds though it is listed, IMP-003 is violated; three entries describe nothing that was seen.
	// IMP-004 could not run, since its control failed: three sandboxes say so, two of them the same.
	if p.Failures != 5 || p.Errors != 3 || p.Tests != 4+3+2 {
		t.Errorf("%d tests, %d failures, %d errors, want 9, 5 and 3:\n%s", p.Tests, p.Failures, p.Errors, text)
	}
	blocks := 0
	for _, s := range p.Suites {
		blocks += len(s.Properties)
		for _, c := range s.Cases {
			if !strings.HasPrefix(c.Class, "Impl 3.3.2.") {
				t.Errorf("the classname %s does not name implementation and version", c.Class)
			}
			if c.Name == "IMP-001/runner/a" && strings.Count(c.Failure, "known.yaml:2") != 1 {
				t.Errorf("the failure of a case that holds does not name its entry once: %s", c.Failure)
			}
		}
	}
	if blocks != 1 {
		t.Errorf("the properties stand there %d times", blocks)
	}
	if !strings.Contains(text, "pattern   pid 8 ran&#xA;seen      IMP-003/runner/c (violated)&#xA;          pid 7 ran") {
		t.Errorf("pattern and observation of the stale entry do not stand side by side:\n%s", text)
	}
}
