// Package understudy_test holds the checks on the checkout as a whole.
package understudy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/understudy-conformance/understudy"

// forbidden says what a package must not depend on, directly or through others, and why.
var forbidden = []struct {
	from, to, why string
}{
	{"protocol/...", module + "/", "the protocol knows nobody: implementers read and reuse it alone"},
	{"internal/safefile", module + "/", "everybody opens files by it, the smallest commands included"},
	{"reference/...", module + "/harness", "the reference is software of its own; it must not know that it is tested"},
	{"reference/...", module + "/scenarios", "the reference must not know what it is tested for"},
	{"reference/coordinator/...", module + "/reference/supervisor", "the supervisor uses the coordinator; what it starts is not the coordinator's concern"},
	{"reference/coordinator/delegate", "go.yaml.in/", "is part of each start of a runner"},
	{"reference/...", "github.com/onsi/", "the reference is real software: no test framework in it"},
	{"harness/...", module + "/reference", "the harness treats the reference like any other implementation"},
	{"harness/...", module + "/scenarios", "scenarios are built on the harness; commands hand it the data that lies beside them"},
	{"harness/role", module + "/", "whatever speaks of roles imports it: it must not bring anything along"},
	{"harness/cache", module + "/images", "built-in implementations keep their folders in it; it knows none of them"},
	{"harness/cache", module + "/harness", "built-in implementations, helper commands and sandboxes keep their things in it; it knows none of them"},
	{"scenarios/...", module + "/reference", "a scenario sees an implementation from outside only"},
	{"harness/wall", module + "/", "what everything else stands behind must be read alone"},
	{"harness/...", module + "/reports", "what people read is made from what the harness found, never the other way round"},
	{"reports/...", "github.com/onsi/", "reports are computed from the journal, never from Ginkgo"},
	{"cmd/understudy", "github.com/onsi/ginkgo", "the outer command has no scenario tree; it embeds an index"},
	{"cmd/understudy", module + "/harness/stage", "the outer command plans and reports; stages exist inside sandboxes only"},
	{"cmd/...", module + "/harness/theatre", "it plays scenarios in tests, with a fake implementation"},
	{"harness/stage/...", "github.com/onsi/ginkgo", "a scenario is a Go function, and a case what it did: which framework calls it is no concern of the stage"},
	{"harness/stage/runner", module + "/harness/stage/worker", "each role's door stands alone"},
	{"harness/stage/worker", module + "/harness/stage/runner", "each role's door stands alone"},
	{"cmd/understudy-worker", "github.com/testcontainers/", "containers are started from outside; the worker must stay small"},
	{"cmd/understudy-worker", module + "/harness/sandbox/docker", "containers are started from outside"},
	{"cmd/understudy-runner", "github.com/onsi/", "costs milliseconds at each start of a task"},
	{"cmd/understudy-runner", "github.com/go-git/", "costs milliseconds at each start of a task; the runner only reads bundles"},
	{"cmd/understudy-runner", "github.com/spf13/cobra", "costs milliseconds at each start of a task"},
	{"cmd/understudy-keeper", "net", "there is one for each running task: what it links costs memory each time"},
	{"cmd/understudy-keeper", "encoding/json", "there is one for each running task: what it links costs memory each time"},
	{"cmd/understudy-supervisor", "github.com/onsi/", "costs milliseconds at each start of a task"},
	{"cmd/understudy-supervisor", "github.com/go-git/", "costs milliseconds at each start of a task; understudy-fetcher has it"},
}

func TestDependenciesPointOneWay(t *testing.T) {
	for _, rule := range forbidden {
		for _, pkg := range list(t, "./"+rule.from) {
			for _, dep := range pkg.Deps {
				if strings.HasPrefix(dep, rule.to) && !inside(dep, rule.from) {
					t.Errorf("%s depends on %s: %s", pkg.ImportPath, dep, rule.why)
				}
			}
		}
	}
}

// few names packages that depend on nothing of this module but what it lists, and
// what is internal.
var few = []struct {
	from string
	to   []string
	why  string
}{
	{"harness/catalogue", []string{"harness/role", "protocol/release"}, "requirements stand before any plan, manifest or scenario; callers hand in the folder that holds them"},
	{"harness/account", nil, "both commands share the accounts, and one of them knows no stage"},
	{"harness/commons", nil, "what cases share is compared whatever they play"},
	{"harness/puppet", []string{"protocol/channel", "protocol/frame", "protocol/message", "protocol/release"}, "a supervisor under test starts it once a task: a runner and nothing more"},
	{"harness/proc", []string{"harness/journal", "harness/role"}, "processes are read and followed whatever they run, and whoever wants to know"},
	{"reference/supervisor/tasklog", nil, "a log is written whatever the task is"},
	{"reference/supervisor/api", []string{"protocol/message", "protocol/release", "reference/supervisor/tasklog"}, "calls are made whoever runs the task; what they teach is masked in its log"},
	{"reference/supervisor/submit", []string{"protocol/message", "protocol/release"}, "clients share it with the server, which they are not to link"},
	{"reference/supervisor/family", []string{"protocol/channel", "protocol/frame", "protocol/message", "protocol/release", "reference/coordinator/delegate", "reference/descent", "reference/impersonate", "reference/keeper", "reference/supervisor/tasklog"}, "processes are ended whatever they run; of the protocol it needs the pair of sockets alone"},
}

func TestSomePackagesDependOnFewOthers(t *testing.T) {
	for _, rule := range few {
		for _, pkg := range list(t, "./"+rule.from) {
			for _, dep := range pkg.Deps {
				ours, is := strings.CutPrefix(dep, module+"/")
				if is && !strings.Contains("/"+ours, "/internal/") && !slices.Contains(rule.to, ours) {
					t.Errorf("%s depends on %s: %s", pkg.ImportPath, dep, rule.why)
				}
			}
		}
	}
}

// TestReportsReadTheModel: what a report shows the model carries, or it would be computed
// more than once. A made up run, for tests, is made of what a run is made of.
func TestReportsReadTheModel(t *testing.T) {
	for _, pkg := range list(t, "./reports/...") {
		name := strings.TrimPrefix(pkg.ImportPath, module+"/")
		for _, path := range pkg.Imports {
			imported, is := strings.CutPrefix(path, module+"/")
			if is && strings.HasPrefix(imported, "harness/") && imported != "harness/verdict" && imported != "harness/role" && name != "reports/internal/demo" {
				t.Errorf("%s imports %s: the model should carry what it needs from there", name, imported)
			}
		}
	}
}

// texts lists what harness/verdict exports that is text, and what sort of text. What
// people read about a verdict, such as signs, words, colours and headlines, is made in
// reports/words.
var texts = map[string][]string{
	"a state: one of a fixed set, which programs compare": {"Verdict", "ProblemKind"},
	"an id or a title": {"Area.Name", "Area.Title", "Group.Name", "Group.Title", "Case.Requirement", "Requirement.Cases", "Problem.Case"},
	"passed on as the journal or the list has it":       {"Model.Environment", "Model.CutWhy", "Sandbox.Environment", "Requirement.Says", "Known.Reason", "Known.Issue", "Known.Cause", "Known.Until", "Problem.Pattern", "Problem.Seen"},
	"to be typed or pasted as it is":                    {"Case.Again", "Case.Suggestion", "Pasted"},
	"what was found out, said where it is, as an error": {"Problem.Text", "Judgement.Problem"},
}

func TestVerdictExportsStatesAndReportsHaveTheWords(t *testing.T) {
	listed := map[string]bool{}
	for _, names := range texts {
		for _, name := range names {
			listed[name] = true
		}
	}
	found := map[string]bool{}
	for file, text := range sources(t) {
		if strings.HasPrefix(file, "harness/verdict/") && !strings.HasSuffix(file, "_test.go") {
			for _, name := range exportedTexts(t, file, text) {
				found[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !listed[name] {
			t.Errorf("verdict.%s is text that package verdict exports: let it be a state or a number, and reports/words say it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !found[name] {
			t.Errorf("texts names verdict.%s, which is no text, or not there: remove it", name)
		}
	}
}

func TestExportedTextsAreFound(t *testing.T) {
	got := exportedTexts(t, "x.go", `package x
type Kind string
type Tree struct { Name, Title string; Size int; leaf string; Tags map[int][]string }
type Number int
const Sign, sign, Two = "*", "*", 2
const Typed Kind = "typed"
var ErrOdd = errors.New("odd")
func (Kind) Glyph() rune { return 0 }
func (t *Tree) Both() (int, string) { return 0, "" }
func (t *Tree) Of(name string) Kind { return "" }
func (n number) Word() string { return "" }
func Word() string { return "" }
func word() string { return "" }
`)
	want := []string{"Kind", "Kind.Glyph", "Sign", "Tree.Both", "Tree.Name", "Tree.Tags", "Tree.Title", "Word"}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// exportedTexts names the types, constants, variables, fields and results of a file that
// are exported and text: strings, runes or bytes, or lists of them. Something of a named
// type is not text again where the type is.
func exportedTexts(t *testing.T, path, text string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name := decl.Name.Name
			if decl.Recv != nil {
				name = strings.TrimPrefix(types.ExprString(decl.Recv.List[0].Type), "*") + "." + name
			}
			if decl.Type.Results != nil && ast.IsExported(name) && decl.Name.IsExported() && isText(decl.Type.Results) {
				names = append(names, name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				names = append(names, textsOf(spec)...)
			}
		}
	}
	return names
}

// textsOf names what one line of a type, const or var declaration exports that is text.
func textsOf(spec ast.Spec) []string {
	var names []string
	add := func(idents []*ast.Ident, prefix string, is func(i int) bool) {
		for i, ident := range idents {
			if ident.IsExported() && is(i) {
				names = append(names, prefix+ident.Name)
			}
		}
	}
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		add(spec.Names, "", func(i int) bool {
			return spec.Type != nil && isText(spec.Type) || spec.Type == nil && i < len(spec.Values) && isText(spec.Values[i])
		})
	case *ast.TypeSpec:
		fields, is := spec.Type.(*ast.StructType)
		if !is {
			add([]*ast.Ident{spec.Name}, "", func(int) bool { return isText(spec.Type) })
			break
		}
		for _, field := range fields.Fields.List {
			if spec.Name.IsExported() {
				add(field.Names, spec.Name.Name+".", func(int) bool { return isText(field.Type) })
			}
		}
	}
	return names
}

// isText says whether text occurs in a type, or in a value that is not what a call returns.
func isText(node ast.Node) bool {
	found := false
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || slices.Contains([]string{"string", "rune", "byte"}, n.Name)
		case *ast.CallExpr:
			return false
		case *ast.BasicLit:
			found = found || n.Kind == token.STRING || n.Kind == token.CHAR
		}
		return !found
	})
	return found
}

// mostLines bounds what a package may hold, tests left out: a room that is larger gets
// inner walls.
const mostLines = 3000

// larger says which packages may hold more, how much, and why.
var larger = map[string]struct {
	lines int
	why   string
}{
	"protocol/message": {4000, "its text is mostly a table: a struct for each message"},
}

func TestNoPackageIsTooLarge(t *testing.T) {
	lines := map[string]int{}
	for path, text := range sources(t) {
		if filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
			lines[filepath.ToSlash(filepath.Dir(path))] += strings.Count(text, "\n")
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(lines)) {
		most, needed := mostLines, larger[folder].lines != 0
		if needed {
			most = larger[folder].lines
		}
		switch {
		case lines[folder] > most:
			t.Errorf("%s has %d lines, tests left out, at most %d: find the wall along which it splits", folder, lines[folder], most)
		case needed && lines[folder] <= mostLines:
			t.Errorf("larger names %s, which has no more than %d lines: remove it", folder, mostLines)
		}
	}
	for folder := range larger {
		if lines[folder] == 0 {
			t.Errorf("larger names %s, which is not there: remove it", folder)
		}
	}
}

// TestTheStageKnowsNoRole holds what plays cases in every role: what differs stands
// behind the doors, so that another role changes nothing here.
func TestTheStageKnowsNoRole(t *testing.T) {
	files := 0
	for path, text := range sources(t) {
		folder := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") || folder != "harness/stage" && folder != "harness/worker" {
			continue
		}
		files++
		ast.Inspect(parsed(t, path, text), func(n ast.Node) bool {
			named, is := n.(*ast.SelectorExpr)
			if !is {
				return true
			}
			if of, is := named.X.(*ast.Ident); is && of.Name == "role" && slices.Contains([]string{"Runner", "Supervisor", "Worker"}, named.Sel.Name) {
				t.Errorf("%s names role.%s: put what is meant into the doors", path, named.Sel.Name)
			}
			return true
		})
	}
	if files == 0 {
		t.Error("no file was read")
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, pkg := range list(t, "./...") {
		if len(pkg.GoFiles) > 0 && pkg.Doc == "" {
			t.Errorf("%s has no package comment", pkg.ImportPath)
		}
	}
}

// starters are the packages by which a test starts processes.
var starters = []string{"os/exec", "github.com/chromedp/chromedp", "github.com/rogpeppe/go-internal/testscript"}

// unbounded may start processes without package apart, for the reason given.
var unbounded = map[string]string{
	module:                             "go list ends by itself",
	module + "/internal/apart":         "its tests start the package itself",
	module + "/harness/sandbox/docker": "its processes are containers, which end with what is attached to them",
	module + "/ci/interop":             "runs in a sandbox, which ends with it",
	module + "/protocol/message":       "what starts processes, tag airflow, runs in a sandbox, which ends with it; the protocol imports nothing of this module",
}

// TestWhatTestsStartEndsWithThem: a test that was killed cleans nothing up. Files
// behind build tags are held to that as well.
func TestWhatTestsStartEndsWithThem(t *testing.T) {
	found := map[string]bool{}
	for _, tags := range []string{"", strings.Join(buildTags(t), ",")} {
		for _, pkg := range list(t, "./...", "-tags="+tags) {
			imports := slices.Concat(pkg.TestImports, pkg.XTestImports)
			i := slices.IndexFunc(imports, func(path string) bool { return slices.Contains(starters, path) })
			if i < 0 || slices.Contains(imports, module+"/internal/apart") {
				continue
			}
			if found[pkg.ImportPath] = true; unbounded[pkg.ImportPath] == "" {
				t.Errorf("the tests of %s use %s (tags %q): its TestMain has to run them by internal/apart", pkg.ImportPath, imports[i], tags)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(unbounded)) {
		if !found[path] {
			t.Errorf("unbounded names %s, whose tests start nothing, or by internal/apart: remove it", path)
		}
	}
}

func TestBuildTagsAreFound(t *testing.T) {
	if tags := buildTags(t); !slices.Contains(tags, "engine") || !slices.Contains(tags, "sudo") || slices.Contains(tags, "linux") {
		t.Errorf("found %q", tags)
	}
}

// buildTags returns those that files of the checkout wait for, platforms left out.
func buildTags(t *testing.T) []string {
	t.Helper()
	var tags []string
	for path, text := range sources(t) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "package ") {
				break
			}
			if !constraint.IsGoBuild(line) {
				continue
			}
			expr, err := constraint.Parse(line)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			expr.Eval(func(tag string) bool {
				tags = append(tags, tag)
				return false
			})
		}
	}
	slices.Sort(tags)
	return slices.DeleteFunc(slices.Compact(tags), func(tag string) bool { return slices.Contains([]string{"linux", "darwin", "unix"}, tag) })
}

// sources returns the Go files of the checkout and go.mod by their paths. It reads
// them in this process: "go test" keeps results as long as what the test itself has
// opened stays the same, and does not see what "go list" reads.
func sources(t *testing.T) map[string]string {
	t.Helper()
	texts, err := readSources()
	if err != nil || len(texts) == 0 {
		t.Fatalf("read the checkout: %d files, %v", len(texts), err)
	}
	return texts
}

var readSources = sync.OnceValues(func() (map[string]string, error) {
	texts := map[string]string{}
	return texts, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if passedOver(path) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".go" || name == "go.mod" {
			var text []byte
			text, err = os.ReadFile(path)
			texts[path] = string(text)
		}
		return err
	})
})

// passedOver says of a folder that what is in it is no source of the checkout.
func passedOver(folder string) bool {
	name := filepath.Base(folder)
	return folder != "." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "results", "report"}, name))
}

// inside reports whether dep belongs to the tree that a rule speaks about.
func inside(dep, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return ok && (dep == module+"/"+tree || strings.HasPrefix(dep, module+"/"+tree+"/"))
}

type goPackage struct {
	ImportPath, Doc           string
	Imports, Deps, GoFiles    []string
	TestImports, XTestImports []string
}

func list(t *testing.T, pattern string, flags ...string) []goPackage {
	t.Helper()
	sources(t) // what go list reads
	var stderr bytes.Buffer
	cmd := exec.Command("go", slices.Concat([]string{"list", "-json=ImportPath,Doc,Imports,Deps,GoFiles,TestImports,XTestImports"}, flags, []string{pattern})...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", pattern, err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg goPackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list %s: %v", pattern, err)
		}
		packages = append(packages, pkg)
	}
	if len(packages) == 0 {
		t.Fatalf("go list %s: no package: the rule would hold for nothing", pattern)
	}
	return packages
}
