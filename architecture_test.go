// Package understudy_test holds the checks on the checkout as a whole.
package understudy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
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
	{"harness/cache", module + "/", "built-in implementations, helper commands and sandboxes keep their things in it; it knows none of them"},
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

// inside reports whether dep belongs to the tree that a rule speaks about.
func inside(dep, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	return ok && (dep == module+"/"+tree || strings.HasPrefix(dep, module+"/"+tree+"/"))
}

type goPackage struct {
	ImportPath, Doc string
	Deps, GoFiles   []string
}

func list(t *testing.T, pattern string) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Deps,GoFiles", pattern)
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
