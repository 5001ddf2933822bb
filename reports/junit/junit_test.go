package junit_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
	"github.com/understudy-conformance/understudy/reports/internal/golden"
	"github.com/understudy-conformance/understudy/reports/junit"
)

func write(t *testing.T, m verdict.Model) string {
	t.Helper()
	var out strings.Builder
	if err := junit.Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestJUnit(t *testing.T) { golden.Equal(t, "junit.xml", write(t, demo.Model())) }

func TestItIsWellFormedWhateverTheImplementationSays(t *testing.T) {
	for name, m := range map[string]verdict.Model{"hostile": demo.Model(), "nothing": {}} {
		decoder := xml.NewDecoder(strings.NewReader(write(t, m)))
		decoder.Strict = true
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if text, ok := token.(xml.CharData); ok && strings.ContainsAny(string(text), "\x1b\u202e\ufffd") {
				t.Errorf("%s: %q holds a control character", name, text)
			}
		}
	}
}

func TestFailuresAreAboutTheImplementationAndErrorsAboutUs(t *testing.T) {
	var parsed struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Skipped int `xml:"skipped,attr"`
			Cases   []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	m := demo.Model()
	if err := xml.Unmarshal([]byte(write(t, m)), &parsed); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	skipped := 0
	for _, s := range parsed.Suites {
		skipped += s.Skipped
		for _, c := range s.Cases {
			kind := "passed"
			switch {
			case c.Failure != nil:
				kind = "failure"
			case c.Error != nil:
				kind = "error"
			case c.Skipped != nil:
				kind = "skipped"
			}
			if !strings.HasSuffix(c.Class, ".run") {
				got[c.Name] = kind
			}
		}
	}
	want := map[verdict.Verdict]string{
		verdict.Pass: "passed", verdict.Fail: "failure", verdict.Warn: "failure", verdict.Flaky: "failure", verdict.UnexpectedPass: "failure",
		verdict.CouldNotRun: "error", verdict.HarnessError: "error",
		verdict.NotApplicable: "skipped", verdict.ExpectedSkip: "skipped", verdict.ExpectedFail: "skipped", verdict.ExpectedWarn: "skipped",
	}
	for _, c := range m.Cases {
		if got[c.ID] != want[c.Verdict] {
			t.Errorf("%s is %s in JUnit, want %s for %s", c.ID, got[c.ID], want[c.Verdict], c.Verdict)
		}
	}
	if parsed.Tests != len(m.Cases) || parsed.Failures != 5 || parsed.Errors != 2 || skipped != 5 {
		t.Errorf("totals are %d tests, %d failures, %d errors, %d skipped", parsed.Tests, parsed.Failures, parsed.Errors, skipped)
	}
}
