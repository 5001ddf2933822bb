// Package junit is junit.xml, for the test views of CI systems: a failure is a
// finding about the implementation, an error is something that keeps us from
// knowing, and what is skipped says why.
package junit

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
)

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []suite
}

type suite struct {
	XMLName    xml.Name   `xml:"testsuite"`
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       string     `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr,omitempty"`
	Properties []property `xml:"properties>property"`
	Cases      []testcase
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testcase struct {
	XMLName xml.Name `xml:"testcase"`
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr"`
	Failure *finding `xml:"failure"`
	Error   *finding `xml:"error"`
	Skipped *skipped `xml:"skipped"`
}

type finding struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type skipped struct {
	Message string `xml:"message,attr"`
}

// Write writes one suite an area, and one named run for findings about the run.
func Write(w io.Writer, m verdict.Model) error {
	all := suites{Name: visible.Line(strings.TrimSpace(m.Identity.Implementation + " " + m.Identity.Version))}
	var total time.Duration
	for _, area := range m.Areas {
		var cases []verdict.Case
		for _, c := range m.Cases {
			if c.Area == area.Name {
				cases = append(cases, c)
			}
		}
		if len(cases) > 0 {
			total += all.add(m, area.Name, cases, nil)
		}
	}
	var strangers []verdict.Case
	for _, c := range m.Cases {
		if !slices.ContainsFunc(m.Areas, func(a verdict.Area) bool { return a.Name == c.Area }) {
			strangers = append(strangers, c)
		}
	}
	if len(strangers) > 0 || len(m.Problems) > 0 {
		total += all.add(m, "run", strangers, m.Problems)
	}
	all.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit.xml: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", " ")
	if err := encoder.Encode(all); err != nil {
		return fmt.Errorf("write junit.xml: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (all *suites) add(m verdict.Model, name string, cases []verdict.Case, problems []verdict.Problem) time.Duration {
	s := suite{Name: name, Properties: properties(m)}
	if !m.Started.IsZero() {
		s.Timestamp = m.Started.UTC().Format("2006-01-02T15:04:05")
	}
	var total time.Duration
	for _, c := range cases {
		total += c.Duration
		t := caseOf(c)
		if m.Unfinished { // one error says so
			t.Error, t.Skipped = nil, &skipped{Message: visible.Line(why(c))}
		}
		s.Cases = append(s.Cases, t)
	}
	for _, p := range problems {
		f := &finding{Type: string(p.Kind), Message: visible.Line(p.Text), Text: visible.Text(p.Text)}
		t := testcase{Name: visible.Line(cmp.Or(p.Case, string(p.Kind))), Class: "run", Time: seconds(0)}
		if p.Kind == verdict.Stale {
			t.Failure = f
		} else {
			t.Error = f
		}
		s.Cases = append(s.Cases, t)
	}
	for _, t := range s.Cases {
		s.Tests++
		switch {
		case t.Failure != nil:
			s.Failures++
		case t.Error != nil:
			s.Errors++
		case t.Skipped != nil:
			s.Skipped++
		}
	}
	s.Time = seconds(total)
	all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	all.Suites = append(all.Suites, s)
	return total
}

func caseOf(c verdict.Case) testcase {
	t := testcase{Name: visible.Line(c.ID), Class: visible.Line(strings.TrimSuffix(c.Area+"."+string(c.Role), ".")), Time: seconds(c.Duration)}
	switch c.Verdict {
	case verdict.Pass:
	case verdict.Fail, verdict.Warn, verdict.Flaky, verdict.UnexpectedPass:
		t.Failure = findingOf(c)
	case verdict.NotApplicable, verdict.ExpectedSkip, verdict.ExpectedFail, verdict.ExpectedWarn:
		t.Skipped = &skipped{Message: visible.Line(why(c))}
	default:
		t.Error = findingOf(c)
	}
	return t
}

// why tells the reason of what counts as skipped.
func why(c verdict.Case) string {
	text := c.Verdict.Word() + ": " + c.Observation.Says
	if len(c.Entries) > 0 {
		text += " (known: " + c.Entries[0].Reason + ")"
	}
	return text
}

func findingOf(c verdict.Case) *finding {
	kind := string(c.Verdict)
	if c.Verdict == verdict.Fail || c.Verdict == verdict.Warn {
		kind = string(c.Level) + " " + c.Requirement
		if c.Profile == catalogue.Hardened {
			kind += " (hardened)"
		}
	}
	var text strings.Builder
	for _, part := range [][2]string{
		{"says", c.Observation.Says}, {"expected", c.Observation.Expected}, {"actual", c.Observation.Actual},
		{"where", c.Observation.Where}, {"again", c.Again},
	} {
		if part[1] != "" {
			fmt.Fprintf(&text, "%-9s %s\n", part[0], part[1])
		}
	}
	message := c.Observation.Says
	if c.Verdict == verdict.UnexpectedPass {
		message = "listed as a known deviation, and holds: remove the entry"
	}
	return &finding{Type: kind, Message: visible.Line(message), Text: visible.Text(text.String())}
}

func properties(m verdict.Model) []property {
	list := []property{
		{"suite", m.Identity.Suite}, {"commit", m.Identity.Commit}, {"catalogue", m.Identity.Catalogue},
		{"implementation", m.Identity.Implementation}, {"version", m.Identity.Version}, {"sandbox", m.Identity.Sandbox},
		{"partial", fmt.Sprint(m.Partial)},
	}
	names := make([]string, 0, len(m.Environment))
	for name := range m.Environment {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, property{"environment." + name, m.Environment[name]})
	}
	for i := range list {
		list[i] = property{visible.Line(list[i].Name), visible.Line(list[i].Value)}
	}
	return list
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
