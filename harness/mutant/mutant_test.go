package mutant

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const good = `name: skip
says: It never switches.
edits:
  - {file: a.go, search: "if switchUser {", replace: "if false {"}
red: [IMP-001/runner/task]
`

func TestLoadRefuses(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"another name":           {strings.Replace(good, "name: skip", "name: other", 1), `name is "other", want "skip"`},
		"an unknown key":         {good + "colour: red\n", "colour"},
		"no sentence":            {strings.Replace(good, "says: It never switches.\n", "", 1), "says is missing"},
		"no red case":            {strings.Replace(good, "red: [IMP-001/runner/task]", "red: []", 1), "red is empty"},
		"three words":            {strings.Replace(good, "[IMP-001/runner/task]", "[IMP-001/runner/task IMP-001 x]", 1), "write a case, and a clause behind it"},
		"no edit":                {"name: skip\nsays: x\nred: [a]\n", "edits are missing"},
		"a manifest elsewhere":   {good + "manifest: ../mine.yaml\n", "leads out of the checkout"},
		"a release that is none": {good + "airflow: newest\n", `"newest" is no version`},
		"an empty search": {strings.Replace(good, `"if switchUser {"`, `""`, 1),
			"edit 1: file or search is missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"skip.yaml": {Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestOverlayEditsACopyAndLeavesTheSource(t *testing.T) {
	mutants, err := Load(fstest.MapFS{"skip.yaml": {Data: []byte(good)}})
	if err != nil {
		t.Fatal(err)
	}
	root, dir := t.TempDir(), t.TempDir()
	source := filepath.Join(root, "a.go")
	before := "package a\n\nfunc f() {\n\tif switchUser {\n\t}\n}\n"
	write(t, source, before)
	path, err := mutants[0].Overlay(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(read(t, path), &overlay); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(before, "if switchUser {", "if false {", 1)
	if diff := cmp.Diff(want, string(read(t, overlay.Replace[source]))); diff != "" {
		t.Errorf("edited file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, string(read(t, source))); diff != "" {
		t.Errorf("the source was changed:\n%s", diff)
	}
}

func TestOverlayRefusesAnEditThatNoLongerApplies(t *testing.T) {
	mutants, err := Load(fstest.MapFS{"skip.yaml": {Data: []byte(good)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"gone": "package a\n", "twice": "if switchUser {\nif switchUser {\n"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "a.go"), text)
			if _, err := mutants[0].Overlay(root, t.TempDir()); !errors.Is(err, ErrStale) {
				t.Fatalf("got %v, want ErrStale", err)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	m := Mutant{Unjudged: []string{"x", "y"}}
	for _, line := range []string{"A/runner/a A.one", "A/*/b A.*", "B/runner/c"} {
		var r Red
		if err := r.UnmarshalText([]byte(line)); err != nil {
			t.Fatal(err)
		}
		m.Red = append(m.Red, r)
	}
	played := []string{"A/runner/a", "A/runner/b", "A/worker/b", "B/runner/c", "C/runner/d", "x", "y"}
	asListed := []Violation{{"A/runner/a", "A.one", false}, {"A/runner/b", "A.two", false}, {"A/worker/b", "A.one", false}, {"B/runner/c", "B", true}}
	without := func(i int, more ...Violation) []Violation {
		return append(slices.Delete(slices.Clone(asListed), i, i+1), more...)
	}
	for name, c := range map[string]struct {
		violated           []Violation
		unable             []string
		missed, surprising []string
	}{
		"as listed":                  {asListed, m.Unjudged, nil, nil},
		"nothing":                    {nil, m.Unjudged, []string{"A/runner/a A.one", "A/runner/b A.*", "A/worker/b A.*", "B/runner/c"}, nil},
		"one role only":              {without(2), m.Unjudged, []string{"A/worker/b A.*"}, nil},
		"at another clause":          {without(0, Violation{"A/runner/a", "A.two", false}), m.Unjudged, []string{"A/runner/a A.one"}, []string{"A/runner/a (A.two)"}},
		"at a control of the clause": {without(0, Violation{"A/runner/a", "A.one", true}), m.Unjudged, []string{"A/runner/a A.one"}, []string{"A/runner/a (before anything of A.one was shown)"}},
		"one too many":               {without(0, Violation{"A/runner/a", "A.one", false}, Violation{"C/runner/d", "C", false}), m.Unjudged, nil, []string{"C/runner/d (C)"}},
		"another could not run":      {asListed, []string{"x", "z"}, []string{"y"}, []string{"z"}},
	} {
		missed, surprising := m.Judge(played, c.violated, c.unable)
		if diff := cmp.Diff([][]string{c.missed, c.surprising}, [][]string{missed, surprising}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if missed, _ := m.Judge(played[1:], asListed[1:], m.Unjudged); len(missed) != 1 || !strings.Contains(missed[0], "no such case") {
		t.Errorf("a case that is not there: %q", missed)
	}
	for id, want := range map[string]bool{"A/worker/b": true, "A/worker/a": false, "x": true, "C/runner/d": false} {
		if m.Lists(id) != want {
			t.Errorf("Lists(%s) is %v", id, !want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
