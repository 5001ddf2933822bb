// Package junit is junit.xml, for the test views of CI systems: a failure is a
// finding about the implementation or about the list of known deviations, an error
// is something that keeps us from knowing, and what is skipped says why.
//
// It is valid by the schema of Jenkins' xunit plugin (junit-10.xsd), which permits
// less than most readers take. No two tests have the same name and classname, since
// importers keep one of such. What is wrong counts once: a problem of the run that
// is about a red case stands in the text of that case.
package junit

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Suites   []suite
}

type suite struct {
	XMLName    xml.Name `xml:"testsuite"`
	Name       string   `xml:"name,attr"`
	Tests      int      `xml:"tests,attr"`
	Failures   int      `xml:"failures,attr"`
	Errors     int      `xml:"errors,attr"`
	Skipped    int      `xml:"skipped,attr"`
	Time       string   `xml:"time,attr"`
	Timestamp  string   `xml:"timestamp,attr,omitempty"`
	Properties *properties
	Cases      []testcase
}

type properties struct {
	XMLName xml.Name   `xml:"properties"`
	List    []property `xml:"property"`
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

	took time.Duration
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
	d := newDocument(m)
	for _, area := range m.Areas {
		var tests []testcase
		for _, c := range m.Cases {
			if c.Area == area.Name {
				tests = append(tests, d.caseOf(c))
			}
		}
		d.add(area.Name, tests)
	}
	var rest []testcase
	for _, c := range m.Cases {
		if !slices.ContainsFunc(m.Areas, func(a verdict.Area) bool { return a.Name == c.Area }) {
			rest = append(rest, d.caseOf(c))
		}
	}
	for _, p := range m.Problems {
		if !d.red[p.Case] {
			rest = append(rest, d.problemOf(p))
		}
	}
	d.add("run", rest)
	d.Time = seconds(d.took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit.xml: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", " ")
	if err := encoder.Encode(d.suites); err != nil {
		return fmt.Errorf("write junit.xml: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// document is the file while it is made.
type document struct {
	suites
	model verdict.Model
	who   string // implementation and version: a matrix of them in one CI run must not give equal names
	named map[[2]string]bool
	red   map[string]bool              // cases that count as a failure or an error
	about map[string][]verdict.Problem // by case
	took  time.Duration
}

func newDocument(m verdict.Model) *document {
	d := &document{
		model: m, who: visible.Short(strings.TrimSpace(m.Identity.Implementation+" "+m.Identity.Version), 100),
		named: map[[2]string]bool{}, red: map[string]bool{}, about: map[string][]verdict.Problem{},
	}
	d.Name = d.who
	for _, c := range m.Cases {
		d.red[c.ID] = c.Verdict.Unexpected()
	}
	for _, p := range m.Problems {
		d.about[p.Case] = append(d.about[p.Case], p)
	}
	return d
}

// add adds a suite, the first one with the properties of the run; nothing for no tests.
func (d *document) add(name string, tests []testcase) {
	if len(tests) == 0 {
		return
	}
	s := suite{Name: name, Tests: len(tests), Cases: tests}
	if len(d.Suites) == 0 {
		s.Properties = &properties{List: propertiesOf(d.model)}
	}
	if started := d.model.Started; !started.IsZero() {
		s.Timestamp = started.UTC().Format("2006-01-02T15:04:05")
	}
	var took time.Duration
	for _, t := range tests {
		took += t.took
		switch {
		case t.Failure != nil:
			s.Failures++
		case t.Error != nil:
			s.Errors++
		case t.Skipped != nil:
			s.Skipped++
		}
	}
	s.Time = seconds(took)
	d.took += took
	d.Tests, d.Failures, d.Errors = d.Tests+s.Tests, d.Failures+s.Failures, d.Errors+s.Errors
	d.Suites = append(d.Suites, s)
}

// test is an empty test with a name that no other has.
func (d *document) test(name, class string, took time.Duration) testcase {
	t := testcase{Name: visible.Line(name), Class: visible.Line(d.who + "." + class), Time: seconds(took), took: took}
	for n := 2; d.named[[2]string{t.Name, t.Class}]; n++ {
		t.Name = visible.Line(fmt.Sprintf("%s (%d)", name, n))
	}
	d.named[[2]string{t.Name, t.Class}] = true
	return t
}

func (d *document) caseOf(c verdict.Case) testcase {
	t := d.test(c.ID, strings.TrimSuffix(c.Area+"."+string(c.Role), "."), c.Duration)
	switch c.Verdict {
	case verdict.Pass:
	case verdict.Fail, verdict.Warn, verdict.Flaky, verdict.UnexpectedPass:
		t.Failure = d.findingOf(c)
	case verdict.NotApplicable, verdict.ExpectedSkip, verdict.ExpectedFail, verdict.ExpectedWarn:
		t.Skipped = &skipped{Message: visible.Line(why(c))}
	default:
		t.Error = d.findingOf(c)
	}
	if d.model.Unfinished { // one error says so
		t.Error, t.Skipped = nil, &skipped{Message: visible.Line(why(c))}
	}
	return t
}

func (d *document) problemOf(p verdict.Problem) testcase {
	t := d.test(cmp.Or(p.Case, string(p.Kind)), "run", 0)
	f := &finding{Type: string(p.Kind), Message: visible.Line(p.Text), Text: visible.Text(textOf(p))}
	if p.Kind == verdict.Stale {
		t.Failure = f
	} else {
		t.Error = f
	}
	return t
}

// textOf is a problem in full: of an entry that does not fit, what it says and what was seen.
func textOf(p verdict.Problem) string {
	if p.Seen == "" {
		return p.Text
	}
	return p.Text + "\npattern   " + p.Pattern + "\nseen      " + strings.ReplaceAll(p.Seen, "\n", "\n          ") + "\n"
}

// why tells the reason of what counts as skipped.
func why(c verdict.Case) string {
	text := words.Word(c.Verdict) + ": " + c.Observation.Says
	if len(c.Known) > 0 {
		text += " (known: " + c.Known[0].Reason + ")"
	}
	return text
}

func (d *document) findingOf(c verdict.Case) *finding {
	kind := string(c.Verdict)
	if c.Verdict == verdict.Fail || c.Verdict == verdict.Warn {
		kind = string(c.Level) + " " + c.Requirement
		if c.Hardened() {
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
	for _, p := range d.about[c.ID] {
		fmt.Fprintf(&text, "%-9s %s\n", p.Kind, textOf(p))
	}
	message := c.Observation.Says
	if c.Verdict == verdict.UnexpectedPass {
		message = "listed as a known deviation, and holds: remove the entry"
	}
	return &finding{Type: kind, Message: visible.Line(message), Text: visible.Text(text.String())}
}

func propertiesOf(m verdict.Model) []property {
	list := []property{
		{"suite", m.Identity.Suite}, {"commit", m.Identity.Commit}, {"catalogue", m.Identity.Catalogue},
		{"implementation", m.Identity.Implementation}, {"version", m.Identity.Version}, {"sandbox", m.Identity.Sandbox},
		{"partial", fmt.Sprint(m.Partial())},
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
