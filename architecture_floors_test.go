package understudy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of floors into docs/design.md")

// floor is one storey of the suite. A package is on the floor of the longest of the
// patterns that fit it.
type floor struct {
	name     string
	packages []string // folders; "/..." at the end takes in those below
	holds    string
}

// floors has them from the ground up: a package imports from its own floor and from
// those below it. What must not be imported although it is below stands in forbidden.
var floors = []floor{
	{"tools", []string{"internal/..."}, "what knows nothing of Airflow or of tests: opening files safely, waiting, finding the nearest name"},
	{"protocol", []string{"protocol/..."}, "frames, messages, what is strictly right of both, both ends of the conversation on descriptor 0, how releases of Airflow are numbered and what each says; implementers use it alone"},
	{"reference, parts", []string{"reference/..."}, "parts of the reference, one task each: bundles, configuration, the switch, keepers, calls, logs, processes"},
	{"reference", []string{"reference/runner/...", "reference/supervisor", "reference/probe"}, "supervisor and runner, software of their own that does not know that it is tested"},
	{"ground", []string{"harness/role", "harness/account", "harness/cache", "harness/mutant", "harness/wall/...", "fixtures/..."}, "roles, accounts, the cache, mutants, the wall: each read alone"},
	{"data", []string{"harness/catalogue", "harness/implementation", "harness/journal", "harness/plan", "images"}, "requirements, manifests, the journal, the plan: what passes between the two commands, and built-in manifests"},
	{"sandboxes", []string{"harness/sandbox/...", "harness/shell"}, "makes a sandbox and starts a command in it, from outside"},
	{"surroundings", []string{"harness/world/...", "harness/puppet", "harness/proc", "harness/leak", "harness/record", "harness/commons"}, "what a scenario has around it, inside a sandbox: the Airflow and the runner that are played, processes as the kernel shows them, what leaks to others, what a case writes into the journal, and what all cases share"},
	{"stage", []string{"harness/stage"}, "what a scenario acts with, whatever the role"},
	{"doors", []string{"harness/stage/runner", "harness/stage/supervisor", "harness/stage/worker", "harness/theatre"}, "what each role means: what is under test, and what is played opposite it"},
	{"players", []string{"harness/run", "harness/timing", "harness/worker"}, "play the cases of a plan: run from outside over all sandboxes, worker inside one"},
	{"judges", []string{"harness/expect", "harness/verdict"}, "compute from the journal what was found"},
	{"scenarios", []string{"scenarios/..."}, "the product: a folder for each area, the catalogue, the mutants"},
	{"reports", []string{"reports/..."}, "what people and programs read of a run"},
	{"commands", []string{"cmd/...", "ci/...", "."}, "put the rest together"},
}

// floorOf returns the index of the floor of a package, or -1.
func floorOf(folder string) int {
	found, longest := -1, -1
	for i, f := range floors {
		for _, pattern := range f.packages {
			tree, below := strings.CutSuffix(pattern, "/...")
			if fits := folder == tree || below && strings.HasPrefix(folder, tree+"/"); fits && len(pattern) > longest {
				found, longest = i, len(pattern)
			}
		}
	}
	return found
}

func folderOf(path string) (folder string, ours bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// TestImportsLeadDown leaves tests out: they may hold what they test against the
// catalogue, which lies above.
func TestImportsLeadDown(t *testing.T) {
	stands := make([]bool, len(floors))
	for _, pkg := range list(t, "./...") {
		folder, _ := folderOf(pkg.ImportPath)
		from := floorOf(folder)
		if from < 0 {
			t.Errorf("%s is on no floor: name it in floors", folder)
			continue
		}
		stands[from] = true
		for _, path := range pkg.Imports {
			imported, ours := folderOf(path)
			if to := floorOf(imported); ours && to > from {
				t.Errorf("%s (%s) imports %s, which is higher up (%s)", folder, floors[from].name, imported, floors[to].name)
			}
		}
	}
	for i, f := range floors {
		if !stands[i] {
			t.Errorf("no package is on floor %q", f.name)
		}
	}
}

const (
	floorsBegin = "<!-- the table of floors; go test . -update writes it -->\n"
	floorsEnd   = "<!-- end of the table of floors -->\n"
)

// TestThePageShowsTheFloors holds docs/design.md, highest floor first.
func TestThePageShowsTheFloors(t *testing.T) {
	table := "| floor | packages | what is there |\n| --- | --- | --- |\n"
	for _, f := range slices.Backward(floors) {
		table += fmt.Sprintf("| %s | `%s` | %s |\n", f.name, strings.Join(f.packages, "`, `"), f.holds)
	}
	page := filepath.Join("docs", "design.md")
	octets, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(octets), floorsBegin)
	shown, after, ended := strings.Cut(rest, floorsEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+floorsBegin+table+floorsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if shown != table {
		t.Errorf("%s shows other floors; go test . -update writes them", page)
	}
}
