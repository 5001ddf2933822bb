package mutant

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
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
	m := Mutant{Red: []string{"a", "b"}, Unjudged: []string{"x", "y"}}
	missed, surprising := m.Judge([]string{"b", "c"}, []string{"y", "z"})
	if diff := cmp.Diff([][]string{{"a", "x"}, {"c", "z"}}, [][]string{missed, surprising}); diff != "" {
		t.Error(diff)
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
