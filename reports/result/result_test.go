package result_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
	"github.com/understudy-conformance/understudy/reports/internal/golden"
	"github.com/understudy-conformance/understudy/reports/result"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(result.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("result.schema.json", document); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("result.schema.json")
}

func write(t *testing.T, m verdict.Model) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := result.Write(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func models(t *testing.T) map[string]verdict.Model {
	c := demo.Catalogue()
	return map[string]verdict.Model{
		"demo":             demo.Model(),
		"nothing":          verdict.Build(c, nil, verdict.Collate(slices.Values[[]journal.Event](nil)), nil, demo.Now),
		"only a beginning": verdict.Build(c, demo.Index(), verdict.Collate(slices.Values(demo.Events()[:1])), demo.Known(), demo.Now),
		"many":             demo.Many(300),
	}
}

func TestEveryResultFollowsThePublishedSchema(t *testing.T) {
	s := schema(t)
	for name, m := range models(t) {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, m)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesWhatIsNoResult(t *testing.T) {
	s := schema(t)
	good := string(write(t, demo.Model()))
	for name, edit := range map[string][2]string{
		"a verdict that does not exist": {`"verdict": "pass"`, `"verdict": "PASS"`},
		"an exit code out of range":     {`"exit": 4`, `"exit": 5`},
		"an unknown key":                {`"partial": false`, `"partial": false, "extra": 1`},
		"a missing key":                 {`"again"`, `"agian"`},
		"a check without a result":      {`"held": true`, `"heald": true`},
		"a check of another shape":      {`"clause": "`, `"clauses": "`},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing to replace", name)
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(document) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestEveryVerdictIsInTheSchema(t *testing.T) {
	var document struct {
		Defs struct {
			Verdict struct {
				Enum []verdict.Verdict `json:"enum"`
			} `json:"verdict"`
			RequirementVerdict struct {
				AnyOf []struct {
					Enum []verdict.Verdict `json:"enum"`
				} `json:"anyOf"`
			} `json:"requirementVerdict"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(result.JSONSchema(), &document); err != nil {
		t.Fatal(err)
	}
	known := map[verdict.Verdict]bool{}
	for _, v := range document.Defs.Verdict.Enum {
		known[v] = true
	}
	for _, v := range document.Defs.RequirementVerdict.AnyOf[1].Enum {
		known[v] = true
	}
	for _, v := range verdict.All() {
		if !known[v] {
			t.Errorf("%s is not in the schema", v)
		}
		delete(known, v)
	}
	if len(known) > 0 {
		t.Errorf("the schema has verdicts that do not exist: %v", known)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for name, m := range models(t) {
		first, err := result.Read(bytes.NewReader(write(t, m)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := result.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s (-written +read and written):\n%s", name, diff)
		}
		if len(first.Cases) != len(m.Cases) || first.Exit != verdict.Exit(m, verdict.Any) {
			t.Errorf("%s: %d cases and exit %d were read", name, len(first.Cases), first.Exit)
		}
	}
}

func TestAnotherSchemaIsNotRead(t *testing.T) {
	for _, text := range []string{"", "{}", `{"schema":1}`, `{"schema":3}`, `[]`, `{"schema":"2"}`} {
		if _, err := result.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestResult(t *testing.T) {
	r := result.From(demo.Model())
	var touched []result.Requirement
	for _, q := range r.Requirements {
		if len(q.Cases) > 0 {
			touched = append(touched, q)
		}
	}
	r.Requirements = touched
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "result.json", string(text)+"\n")
}

func TestTheFileHoldsNothingThatCannotBeSeen(t *testing.T) {
	var out bytes.Buffer
	if err := result.Write(&out, demo.Model()); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); i >= 0 {
		t.Errorf("it holds %q", out.String()[max(0, i-20):i+4])
	}
	if !strings.Contains(out.String(), `\u202e`) {
		t.Error("the demo says nothing hostile: the test proves nothing")
	}
}
