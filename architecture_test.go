// Package understudy_test holds the checks on the checkout as a whole.
package understudy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
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
	{"harness/cache", module + "/images", "built-in implementations keep their folders in it; it knows none of them"},
	{"harness/cache", module + "/harness", "built-in implementations, helper commands and sandboxes keep their things in it; it knows none of them"},
	{"scenarios/...", module + "/reference", "a scenario sees an implementation from outside only"},
	{"harness/wall", module + "/", "what everything else stands behind must be read alone"},
	{"reports/...", "github.com/onsi/", "reports are computed from the journal, never from Ginkgo"},
	{"cmd/understudy", "github.com/onsi/ginkgo", "the outer command has no scenario tree; it embeds an index"},
	{"cmd/understudy", module + "/harness/stage", "the outer command plans and reports; stages exist inside sandboxes only"},
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
	module + "/harness/sandbox/docker": "its processes are containers, which end with what is attached to them",
}

// TestWhatTestsStartEndsWithThem: a test that was killed cleans nothing up.
func TestWhatTestsStartEndsWithThem(t *testing.T) {
	for _, pkg := range list(t, "./...") {
		imports := slices.Concat(pkg.TestImports, pkg.XTestImports)
		i := slices.IndexFunc(imports, func(path string) bool { return slices.Contains(starters, path) })
		if i < 0 || unbounded[pkg.ImportPath] != "" || pkg.ImportPath == module+"/internal/apart" {
			continue
		}
		if !slices.Contains(imports, module+"/internal/apart") {
			t.Errorf("the tests of %s use %s: its TestMain has to run them by internal/apart", pkg.ImportPath, imports[i])
		}
	}
}

// inside reports whether dep belongs to the tree that a rule speaks about.
func inside(dep, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return ok && (dep == module+"/"+tree || strings.HasPrefix(dep, module+"/"+tree+"/"))
}

type goPackage struct {
	ImportPath, Doc           string
	Deps, GoFiles             []string
	TestImports, XTestImports []string
}

func list(t *testing.T, pattern string) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Deps,GoFiles,TestImports,XTestImports", pattern)
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
