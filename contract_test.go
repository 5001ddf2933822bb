package understudy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const verbsFile = "harness/stage/verbs.go"

func TestTheContractMarksExactlyTheVerbsThatNothingUses(t *testing.T) {
	files := sources(t)
	verbs := verbsOf(t, files[verbsFile])
	used := map[string]bool{}
	for path, text := range files {
		if path == verbsFile || strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(path, "harness/") && !strings.HasPrefix(path, "scenarios/") {
			continue
		}
		for _, name := range stageWords(t, path, text) {
			used[verbs[name]] = true
		}
	}
	marked := markedVerbs(t)
	for _, verb := range slices.Compact(slices.Sorted(maps.Values(verbs))) {
		switch mark, listed := marked[verb]; {
		case !listed:
			t.Errorf("%s has verb %s, which docs/contract.md does not list", verbsFile, verb)
		case mark == used[verb]:
			t.Errorf("docs/contract.md marks %s as reserved: %v; something uses it: %v", verb, mark, used[verb])
		}
		delete(marked, verb)
	}
	for _, verb := range slices.Sorted(maps.Keys(marked)) {
		t.Errorf("docs/contract.md lists verb %s, which no scenario could use", verb)
	}
}

// verbsOf returns the verb that each function of the file makes. A function that
// calls another, as Print does Log, stands below it.
func verbsOf(t *testing.T, text string) map[string]string {
	verbs := map[string]string{}
	for _, decl := range parsed(t, verbsFile, text).Decls {
		function, is := decl.(*ast.FuncDecl)
		if !is || function.Recv != nil {
			continue
		}
		ast.Inspect(function.Body, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			callee, _ := call.Fun.(*ast.Ident)
			switch {
			case callee == nil:
			case callee.Name == "do":
				name, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				verbs[function.Name.Name] = name
			case verbs[callee.Name] != "":
				verbs[function.Name.Name] = verbs[callee.Name]
			}
			return true
		})
	}
	return verbs
}

// stageWords returns the names of package stage that a file uses; of a file of
// that package, the functions that it calls.
func stageWords(t *testing.T, path, text string) (names []string) {
	ast.Inspect(parsed(t, path, text), func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if of, is := n.X.(*ast.Ident); is && of.Name == "stage" {
				names = append(names, n.Sel.Name)
			}
		case *ast.CallExpr:
			if callee, is := n.Fun.(*ast.Ident); is && strings.HasPrefix(path, "harness/stage/") {
				names = append(names, callee.Name)
			}
		}
		return true
	})
	return names
}

var (
	verbRow  = regexp.MustCompile("(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\|.*$")
	verbName = regexp.MustCompile("[a-z_]+")
)

// markedVerbs returns the verbs of the contract, and whether each is marked.
func markedVerbs(t *testing.T) map[string]bool {
	text, err := os.ReadFile("docs/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## 4. The probe\n")
	section, _, _ = strings.Cut(section, "\n## ")
	marked := map[string]bool{}
	for _, row := range verbRow.FindAllStringSubmatch(section, -1) {
		for _, verb := range verbName.FindAllString(row[1], -1) {
			marked[verb] = strings.Contains(row[0], "*reserved until used*")
		}
	}
	return marked
}

func parsed(t *testing.T, path, text string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
