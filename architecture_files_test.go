package understudy_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// careful are the folders whose code handles paths in folders of others: files of the
// implementation under test, report folders, task logs. It opens them by
// internal/safefile.
var careful = []string{"harness/account", "harness/commons", "harness/implementation", "harness/leak", "harness/proc", "harness/stage", "cmd/understudy", "reports", "reference/dagfile", "reference/supervisor"}

// bare are the functions of package os that follow links and wait for FIFOs.
var bare = []string{"Open", "OpenFile", "Create", "CreateTemp", "ReadFile", "WriteFile"}

// mayOpen says which functions of these packages may use them all the same, and why.
var mayOpen = map[string]string{
	"harness/commons.Mounts":                       "/proc",
	"harness/proc.Process.Opened":                  "/proc, and regular files of its descriptors",
	"harness/proc.Process.Remembers":               "/proc",
	"harness/proc.Process.strings":                 "/proc",
	"harness/proc.closeOnExec":                     "/proc",
	"harness/proc.readStat":                        "/proc",
	"harness/proc.statusFields":                    "/proc",
	"harness/stage.expendable":                     "/proc",
	"reports/internal/golden.Equal":                "testdata, of tests",
	"reference/supervisor/submit.Listen":           "the folder of the socket, which has to be trusted before anything is done in it",
	"reference/supervisor/family.Pool.spawn":       "/dev/null",
	"reference/supervisor/submit.ReadWorkloadText": "named by whoever starts the supervisor, who may hand over a pipe",
}

func TestFilesInFoldersOfOthersAreOpenedByOnePackage(t *testing.T) {
	used := map[string]bool{}
	for _, folder := range careful {
		files := 0
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			for _, use := range bareOpens(t, path) {
				if _, allowed := mayOpen[use.in]; allowed {
					used[use.in] = true
					continue
				}
				t.Errorf("%s: %s calls os.%s, which follows links and waits for FIFOs: open it by internal/safefile, or say in mayOpen why not", use.at, use.in, use.what)
			}
			return nil
		})
		if err != nil || files == 0 {
			t.Errorf("%s: %d files read, %v: the rule would hold for nothing", folder, files, err)
		}
	}
	for _, in := range slices.Sorted(maps.Keys(mayOpen)) {
		if !used[in] {
			t.Errorf("mayOpen names %s, which opens nothing: remove it", in)
		}
	}
}

func TestABareOpenIsFound(t *testing.T) {
	const planted = `package p
import system "os"
var file, _ = system.Open("a")
func (r *Run) channel() { read := system.ReadFile; read("b"); func() { system.WriteFile("c", nil, 0) }() }
func fine(os thing) { os.Open("d"); system.Lstat("e") }
`
	var found []string
	for _, use := range bareOpensIn(t, "some/where/p.go", planted) {
		found = append(found, use.in+" "+use.what)
	}
	if want := []string{"some/where.(package) Open", "some/where.Run.channel ReadFile", "some/where.Run.channel WriteFile"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

// bareOpen is one use of a function of bare.
type bareOpen struct{ in, what, at string }

func bareOpens(t *testing.T, path string) []bareOpen { return bareOpensIn(t, path, nil) }

// bareOpensIn finds the uses in a file, called or not, whatever package os is called there.
func bareOpensIn(t *testing.T, path string, text any) []bareOpen {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for _, spec := range file.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == "os" {
			name = "os"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	var found []bareOpen
	for _, decl := range file.Decls {
		in := "(package)"
		if function, is := decl.(*ast.FuncDecl); is {
			in = function.Name.Name
			if function.Recv != nil {
				in = receiver(function.Recv.List[0].Type) + "." + in
			}
		}
		ast.Inspect(decl, func(node ast.Node) bool {
			selector, is := node.(*ast.SelectorExpr)
			if !is || !slices.Contains(bare, selector.Sel.Name) {
				return true
			}
			if of, is := selector.X.(*ast.Ident); is && name != "" && of.Name == name {
				found = append(found, bareOpen{filepath.Dir(path) + "." + in, selector.Sel.Name, fmt.Sprint(files.Position(node.Pos()))})
			}
			return true
		})
	}
	return found
}

func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
