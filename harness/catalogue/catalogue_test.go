package catalogue_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/scenarios"
)

func load(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Read(scenarios.Catalogue())
	if err != nil {
		t.Fatalf("load catalogue: %v", err)
	}
	return c
}

func TestEveryRowOfTheSetIsThere(t *testing.T) {
	type counts struct{ Requirements, Hardened int }
	want := map[string]counts{
		"wire":          {31, 8},
		"messages":      {12, 1},
		"lifecycle":     {30, 8},
		"impersonation": {35, 16},
		"security":      {12, 5},
		"logs":          {11, 5},
		"bundles":       {28, 15},
		"config":        {8, 2},
		"schema":        {5, 1},
		"language":      {8, 1},
	}
	got := map[string]counts{}
	for _, a := range load(t).Areas() {
		n := counts{Requirements: len(a.Requirements)}
		for i, r := range a.Requirements {
			if r.Profile == catalogue.Hardened {
				n.Hardened++
			}
			if want := a.Prefix + "-" + number(i+1); r.ID != want {
				t.Errorf("requirement %d of %s is %s, want %s: ids have no gaps and stand in order", i+1, a.Name, r.ID, want)
			}
		}
		got[a.Name] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements by area; after adding some, correct the table in this test (-want +got):\n%s", diff)
	}
}

func number(n int) string {
	return string([]byte{'0' + byte(n/100), '0' + byte(n/10%10), '0' + byte(n%10)})
}

func TestOnlyWhatNoScenarioCanShowIsUntestable(t *testing.T) {
	var got []string
	for _, r := range load(t).All() {
		if r.Untestable != "" {
			got = append(got, r.ID)
		}
	}
	if diff := cmp.Diff([]string{"WIRE-019", "LIFE-021"}, got); diff != "" {
		t.Errorf("untestable requirements (-want +got):\n%s", diff)
	}
}

func TestAMistakeInTheCatalogueIsAnError(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(fstest.MapFS)
		want string
	}{
		"unknown key":      {replace("config.yaml", "  level: MUST", "  levle: MUST", 1), "levle"},
		"doubled key":      {replace("config.yaml", "  level: MUST", "  level: MUST\n  level: MUST", 1), "level"},
		"doubled id":       {replace("config.yaml", "CFG-002", "CFG-001", 1), "CFG-001 stands there twice"},
		"ill-formed id":    {replace("config.yaml", "CFG-002", "CFG-2", 1), `"CFG-2" is not like CFG-001`},
		"id of other area": {replace("config.yaml", "CFG-002", "IMP-902", 1), "begins with CFG-"},
		"level in lower":   {replace("config.yaml", "level: MUST", "level: must", 1), `level "must"`},
		"unknown profile":  {replace("config.yaml", "profile: hardened", "profile: Hardened", 1), `profile "Hardened"`},
		"unknown role":     {replace("config.yaml", "[runner, worker]", "[runner, wroker]", 1), `role "wroker"`},
		"doubled role":     {replace("config.yaml", "[runner, worker]", "[runner, runner]", 1), "role runner stands there twice"},
		"no role":          {replace("config.yaml", "[runner, worker]", "[]", 1), "roles are missing"},
		"no range":         {replace("config.yaml", `">=3.0.3"`, `"3.0.3"`, 1), `"3.0.3" is no range of releases`},
		"other range":      {replace("config.yaml", `">=3.0.3"`, `">=3.0.3,<=3.4"`, 1), "is no range of releases"},
		"range of nothing": {replace("config.yaml", `">=3.0.3"`, `">=3.4,<3.4.0"`, 1), "holds no release"},
		"since ever":       {replace("config.yaml", `">=3.0.3"`, `"<3.4"`, 1), "which knows no run_as_user"},
		"no airflow":       {replace("config.yaml", "  airflow: \">=3.0.3\"\n", "", 1), "airflow is missing: write since when"},
		"unknown evidence": {replace("config.yaml", "kind: pull", "kind: rumour", 1), `unknown kind "rumour"`},
		"issue sans url":   {replace("config.yaml", `, url: "https://github.com/apache/airflow/issues/51780"`, "", 1), "needs its url"},
		"plain http":       {replace("config.yaml", "https://", "http://", 1), "is not https"},
		"one clause":       {replace("config.yaml", "  why: >-", "  clauses:\n  - {name: a, says: b}\n  why: >-", 1), "one clause is no cut"},
		"doubled clause":   {replace("config.yaml", "  why: >-", "  clauses:\n  - {name: a, says: b}\n  - {name: a, says: c}\n  why: >-", 1), "clause a stands there twice"},
		"clause's name":    {replace("config.yaml", "  why: >-", "  clauses:\n  - {name: A b, says: b}\n  - {name: c, says: c}\n  why: >-", 1), "lower case words"},
		"silent clause":    {replace("config.yaml", "  why: >-", "  clauses:\n  - {name: a}\n  - {name: c, says: c}\n  why: >-", 1), "clause a: says is missing"},
		"clause's role":    {replace("config.yaml", "  why: >-", "  clauses:\n  - {name: a, says: b, roles: [wroker]}\n  - {name: c, says: c}\n  why: >-", 1), `role "wroker" is none of the requirement's`},
		"no sentence":      {replace("config.yaml", "sentence: >-", "notes: >-", 1), "sentence is missing"},
		"file is missing":  {func(f fstest.MapFS) { delete(f, "schema.yaml") }, "schema.yaml"},
		"file too many":    {func(f fstest.MapFS) { f["wires.yaml"] = f["wire.yaml"] }, "wires.yaml belongs to no area"},
		"empty file":       {func(f fstest.MapFS) { f["wire.yaml"] = &fstest.MapFile{Data: []byte("[]\n")} }, "no requirement"},
		"empty entry":      {func(f fstest.MapFS) { f["wire.yaml"] = &fstest.MapFile{Data: []byte("-\n")} }, "empty entry"},
		"two documents": {func(f fstest.MapFS) {
			f["wire.yaml"] = &fstest.MapFile{Data: append(f["wire.yaml"].Data, "\n---\n- id: X\n"...)}
		}, "second YAML document"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := copyOf(t, scenarios.Catalogue())
			tc.edit(folder)
			_, err := catalogue.Read(folder)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func replace(file, old, text string, n int) func(fstest.MapFS) {
	return func(f fstest.MapFS) {
		before := string(f[file].Data)
		after := strings.Replace(before, old, text, n)
		if after == before {
			panic("nothing to replace: " + old)
		}
		f[file] = &fstest.MapFile{Data: []byte(after)}
	}
}

func copyOf(t *testing.T, from fs.FS) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := fs.ReadFile(from, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: text}
	}
	return files
}

func TestASentenceThatNothingCutsIsOneClause(t *testing.T) {
	c := load(t)
	for _, r := range c.All() {
		for _, part := range r.Clauses {
			found, clause, known := c.Clause(part.ID)
			if !known || found != r || clause.Says == "" || len(clause.Roles) == 0 || catalogue.Of(part.ID) != r.ID {
				t.Errorf("%s: %+v of %v", part.ID, clause, found)
			}
			if whole := part.ID == r.ID; whole != (len(r.Clauses) == 1) || whole && part.Says != r.Sentence {
				t.Errorf("%s is one of %d clauses of %s: %q", part.ID, len(r.Clauses), r.ID, part.Says)
			}
		}
	}
	for _, id := range []string{"IMP-011", "IMP-011.hoem", "IMP-011.", "NONE-001", ""} {
		if _, clause, known := c.Clause(id); known {
			t.Errorf("%q is a clause: %+v", id, clause)
		}
	}
}

func TestAnUnknownIDNamesItsNeighbours(t *testing.T) {
	c := load(t)
	for written, want := range map[string]string{
		"IMP-0004": "IMP-004",
		"imp-004":  "IMP-004",
		"LFE-028":  "LIFE-028",
		"WIER-001": "WIRE-001",
	} {
		_, err := c.Find(written)
		var unknown *catalogue.UnknownError
		if !errors.As(err, &unknown) {
			t.Fatalf("Find(%q) = %v, want an UnknownError", written, err)
		}
		if len(unknown.Nearest) == 0 || unknown.Nearest[0] != want {
			t.Errorf("nearest to %q are %v, want %s first", written, unknown.Nearest, want)
		}
	}
	if got := c.Nearest("something else entirely"); len(got) != 0 {
		t.Errorf("nearest to nonsense are %v, want none", got)
	}
}

func TestVersionFollowsTheContent(t *testing.T) {
	before := load(t)
	folder := copyOf(t, scenarios.Catalogue())
	same, err := catalogue.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	if same.Version() != before.Version() {
		t.Errorf("same files, versions %s and %s", before.Version(), same.Version())
	}
	replace("wire.yaml", "MUST", "MAY", 1)(folder)
	after, err := catalogue.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	if after.Version() == before.Version() {
		t.Error("another level, and still the same version")
	}
}
