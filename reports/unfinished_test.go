package reports_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/html"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
	"github.com/understudy-conformance/understudy/reports/junit"
	"github.com/understudy-conformance/understudy/reports/result"
)

// What stands in a folder from the beginning of a run to its end, or for good when it is killed.
func TestAnUnfinishedRunIsRedForEveryReader(t *testing.T) {
	c := demo.Catalogue()
	m := verdict.Build(c, demo.Index(), verdict.Collate(slices.Values(demo.Events()[:1])), nil, demo.Now)
	if e := demo.Events()[0]; e.RunStart == nil {
		t.Fatalf("the demo begins with %s", e.Kind())
	}

	var text bytes.Buffer
	if err := junit.Write(&text, m); err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(text.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if planned := len(m.Identity.Planned); suites.Errors != 1 || suites.Failures != 0 || strings.Count(text.String(), "<skipped ") != planned || suites.Tests != planned+1 || strings.Count(text.String(), "<error ") != 1 {
		t.Errorf("junit.xml: %+v with %d planned cases, want exactly one error and the planned cases as skipped", suites, planned)
	}

	text.Reset()
	if err := result.Write(&text, m); err != nil {
		t.Fatal(err)
	}
	valid(t, text.Bytes())
	got, err := result.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Exit != verdict.ExitIncomplete || !got.Partial || len(got.Cases) == 0 {
		t.Errorf("result.json: exit %d, partial %v, %d cases", got.Exit, got.Partial, len(got.Cases))
	}
	for _, p := range got.Profiles {
		if p.Exit != verdict.ExitIncomplete || p.Headline != "Unfinished" || p.Holds != 0 {
			t.Errorf("result.json: profile %+v", p)
		}
	}

	text.Reset()
	if err := html.Write(&text, m); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(text.String(), "</header>"); !strings.Contains(first, "Unfinished") || !strings.Contains(text.String(), "the run goes on, or was killed") {
		t.Errorf("index.html does not say that it is unfinished")
	}
}

// valid checks result.json against the schema that is published.
func valid(t *testing.T, text []byte) {
	t.Helper()
	published, err := jsonschema.UnmarshalJSON(bytes.NewReader(result.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("result.schema.json", published); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("result.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var instance any
	if err := json.Unmarshal(text, &instance); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("result.json does not fit its schema: %v", err)
	}
}
