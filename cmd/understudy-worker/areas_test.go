package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// tree has a package an area, and data.
var tree = os.DirFS("../../scenarios")

func TestEveryFolderWithScenariosIsAnAreaOfThatName(t *testing.T) {
	var names, folders []string
	for _, area := range areas() {
		names = append(names, area.Name)
	}
	err := fs.WalkDir(tree, ".", func(file string, _ fs.DirEntry, err error) error {
		if folder := path.Dir(file); path.Ext(file) == ".go" && folder != "." && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !slices.Contains(names, folder) {
			t.Errorf("the cases of scenarios/%s are missing: add its Area to areas in cmd/understudy-worker/areas.go, and give it the name %[1]q", folder)
		}
	}
	for _, name := range names {
		if !slices.Contains(folders, name) {
			t.Errorf("there is no folder scenarios/%s: give that Area the name of its folder", name)
		}
	}
}

func TestEveryScenarioIsInTheListOfItsArea(t *testing.T) {
	for _, area := range areas() {
		folder, err := fs.Sub(tree, area.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, scenario := range unlisted(t, folder) {
			t.Errorf("scenarios/%s/%s is not in the list of its area: add it in scenarios/%[1]s/area.go", area.Name, scenario)
		}
	}
}

func TestEachClauseThatHoldsEverywhereHasItsCase(t *testing.T) {
	var clauses []string
	for _, area := range areas() {
		for _, spec := range area.Scenarios {
			if spec.Slug == plan.Everywhere {
				clauses = append(clauses, spec.Verifies...)
			}
		}
	}
	slices.Sort(clauses)
	if want := slices.Sorted(slices.Values(stage.Invariants())); !slices.Equal(clauses, want) {
		t.Errorf("scenarios %q verify %v, and the stage looks everywhere for %v", plan.Everywhere, clauses, want)
	}
}

func TestAScenarioOutsideTheListIsFound(t *testing.T) {
	got := unlisted(t, fstest.MapFS{
		"area.go": {Data: []byte("package p\nvar Area = stage.Area{Scenarios: []stage.Spec{listed}}\n")},
		"more.go": {Data: []byte("package p\nvar listed = stage.Spec{}\nvar both = []role.Role{}\nvar forgotten = stage.Spec{}\nvar _ = stage.Spec{}\n")},
	})
	if want := []string{"more.go:4: forgotten", "more.go:5: _"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// unlisted returns the variables of a package that hold a scenario and that its Area
// does not name, as "file:line: name".
func unlisted(t *testing.T, folder fs.FS) []string {
	t.Helper()
	files, err := fs.Glob(folder, "*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	named := map[string]bool{}
	var scenarios []*ast.Ident
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			vars, is := n.(*ast.ValueSpec)
			if !is {
				return true
			}
			for i, value := range vars.Values {
				switch literal, _ := value.(*ast.CompositeLit); {
				case literal == nil:
				case vars.Names[i].Name == "Area":
					ast.Inspect(literal, func(n ast.Node) bool {
						if used, is := n.(*ast.Ident); is {
							named[used.Name] = true
						}
						return true
					})
				case types.ExprString(literal.Type) == "stage.Spec":
					scenarios = append(scenarios, vars.Names[i])
				}
			}
			return false
		})
	}
	var missing []string
	for _, name := range scenarios {
		if !named[name.Name] {
			at := set.Position(name.Pos())
			missing = append(missing, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, name.Name))
		}
	}
	return missing
}
