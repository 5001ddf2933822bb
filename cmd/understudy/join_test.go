package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/result"
)

var recorded = time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)

// played writes the journal of a run of all cases that the flags select, all of which hold, into a folder
// below dir that the run id names, and returns the folder. Change, if any, is applied to the identity.
func played(t *testing.T, dir, id string, flags []string, change func(*journal.Identity)) string {
	t.Helper()
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	var f runFlags
	cmd := runCommandOf(&f)
	if err := cmd.ParseFlags(flags); err != nil {
		t.Fatal(err)
	}
	roles, err := f.chosenRoles([]role.Role{role.Runner, role.Worker}, "mine")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := f.cases(all, roles)
	if err != nil {
		t.Fatal(err)
	}
	who := journal.Identity{
		RunID: id, Suite: "1", Commit: "abc", Catalogue: all.catalogue.Version(), Implementation: "mine", Manifest: "my/implementation.yaml",
		Roles: roles, Sandbox: "namespace", Filter: f.filter, Command: append([]string{"understudy", "run"}, flags...),
	}
	if f.shard.Of > 0 {
		who.Shard = &journal.Shard{Index: f.shard.Index, Of: f.shard.Of, Plan: plan.Digest(who.Catalogue, plan.IDs(cases))}
		cases = f.shard.Take(cases)
	}
	who.Planned = plan.IDs(cases)
	if change != nil {
		change(&who)
	}
	folder := filepath.Join(dir, id)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	w := journal.NewWriter(&text, nil)
	write := func(e journal.Event) {
		recorded = recorded.Add(time.Second)
		e.Time = recorded
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	version := who.Version
	who.Version = ""
	write(journal.Event{RunStart: journal.Start(who)})
	if len(cases) > 0 {
		write(journal.Event{Sandbox: 1, SandboxStart: &journal.SandboxStart{Environment: map[string]string{"implementation": version}}})
		for _, c := range cases {
			write(journal.Event{Sandbox: 1, Attempt: 1, Case: c.ID, CaseStart: &journal.CaseStart{}})
			write(journal.Event{Sandbox: 1, Attempt: 1, Case: c.ID, Step: &journal.Step{Who: journal.Stage, Text: "acts"}})
			for _, id := range c.Clauses() {
				write(journal.Event{Sandbox: 1, Attempt: 1, Case: c.ID, Check: &journal.Check{Requirement: catalogue.Of(id), Clause: id, What: "it", Held: true}})
			}
			write(journal.Event{Sandbox: 1, Attempt: 1, Case: c.ID, CaseEnd: &journal.CaseEnd{Outcome: journal.Held}})
		}
		write(journal.Event{Sandbox: 1, SandboxEnd: &journal.SandboxEnd{}})
	}
	write(journal.Event{RunEnd: &journal.RunEnd{}})
	if err := os.WriteFile(filepath.Join(folder, eventsFile), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

// reported runs "understudy report" and returns the exit code, what it printed, and result.json, if it wrote one.
func reported(t *testing.T, out string, dirs ...string) (code int, text string, found result.Result) {
	t.Helper()
	var printed bytes.Buffer
	args := append([]string{"report"}, dirs...)
	if out != "" {
		args = append(args, "--out", out)
	} else {
		out = dirs[0]
	}
	code = execute(args, &printed, &printed)
	if body, err := os.ReadFile(filepath.Join(out, "result.json")); err == nil {
		if err := json.Unmarshal(body, &found); err != nil {
			t.Fatal(err)
		}
	}
	return code, printed.String(), found
}

func TestRunsThatTogetherPlayedEverythingAreWhole(t *testing.T) {
	dir := t.TempDir()
	imp := played(t, dir, "imp", []string{"--filter", "IMP-0", "--out", "s1"}, nil)
	rest := played(t, dir, "rest", []string{"--filter", "!IMP-0", "--out", "s2"}, nil)
	for _, dirs := range [][]string{{imp, rest}, {rest, imp}} {
		code, text, found := reported(t, t.TempDir(), dirs...)
		if code != 0 || found.Partial || strings.Contains(text, "as far as selected") || strings.Contains(text, "partial") {
			t.Errorf("exit code %d, partial %v: %s", code, found.PartialWhy, text)
		}
		if got := strings.Join(found.Identity.Command, " "); got != "understudy run" {
			t.Errorf("run this again: %s", got)
		}
		if len(found.Joined) != 2 || !slices.Contains(found.Joined[0].Command, "IMP-0") || !slices.Contains(found.Joined[1].Command, "!IMP-0") {
			t.Errorf("not every run is listed with its command: %v", found.Joined)
		}
	}
	twice := played(t, dir, "twice", []string{"--filter", "IMP-0", "--out", "s3"}, nil)
	_, text, found := reported(t, filepath.Join(dir, "part"), imp, twice)
	if !found.Partial || !strings.Contains(text, "only cases that the filter IMP-0 selects") {
		t.Errorf("the same part twice is whole: %s", text)
	}
	wire := played(t, dir, "wire", []string{"--filter", "WIRE-0", "--out", "s3"}, nil)
	_, text, found = reported(t, filepath.Join(dir, "parts"), imp, wire)
	if !found.Partial || !strings.Contains(text, "cases were planned") || len(found.Identity.Command) > 0 {
		t.Errorf("two parts of three are whole, or one command ran them (%v): %s", found.Identity.Command, text)
	}
}

func TestRunsOfDifferentKindsDoNotJoin(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*journal.Identity)
		want   []string
	}{
		"implementation":    {func(id *journal.Identity) { id.Implementation = "theirs" }, []string{"mine in run a", "theirs in run b"}},
		"version":           {func(id *journal.Identity) { id.Version = "2" }, []string{"1 in run a", "2 in run b"}},
		"suite":             {func(id *journal.Identity) { id.Suite = "2" }, []string{"1 in run a", "2 in run b"}},
		"commit":            {func(id *journal.Identity) { id.Commit = "" }, []string{"abc in run a", "unknown in run b"}},
		"catalogue":         {func(id *journal.Identity) { id.Catalogue = "other" }, []string{"other in run b"}},
		"sandbox":           {func(id *journal.Identity) { id.Sandbox = "docker" }, []string{"namespace in run a", "docker in run b"}},
		"shard beside none": {func(id *journal.Identity) { id.Shard = &journal.Shard{Index: 1, Of: 2} }, []string{"no shard in run a", "a shard of 2 in run b"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			a := played(t, dir, "a", nil, func(id *journal.Identity) { id.Version = "1" })
			b := played(t, dir, "b", nil, func(id *journal.Identity) { id.Version = "1"; tc.change(id) })
			for _, dirs := range [][]string{{a, b}, {b, a}} {
				code, text, _ := reported(t, out, dirs...)
				for _, want := range tc.want {
					if code != 2 || !strings.Contains(text, want) {
						t.Errorf("exit code %d without %q: %s", code, want, text)
					}
				}
				if _, err := os.Stat(out); err == nil {
					t.Error("a refused report was written")
				}
			}
		})
	}
}

func TestRunsWithDifferentListsOfDeviationsNeedOne(t *testing.T) {
	dir := t.TempDir()
	a, b := played(t, dir, "a", nil, nil), played(t, dir, "b", nil, nil)
	list := filepath.Join(a, knownFile)
	if err := os.WriteFile(list, []byte("# nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if code, text, _ := reported(t, out, b, a); code != 2 || !strings.Contains(text, "--expect") {
		t.Errorf("exit code %d: %s", code, text)
	}
	if code, text, _ := reported(t, out, b, a, "--expect", list); code != 0 {
		t.Errorf("exit code %d: %s", code, text)
	}
}

func TestACaseIsRunAgainAsItsOwnRunDid(t *testing.T) {
	dir := t.TempDir()
	a := played(t, dir, "a", []string{"--filter", "IMP-0"}, nil)
	b := played(t, dir, "b", []string{"--filter=!IMP-0", "--expect", "my list.yaml", "--repeat=3", "--keep-evidence"}, func(id *journal.Identity) { id.Manifest = "other/implementation.yaml" })
	_, _, found := reported(t, filepath.Join(dir, "out"), a, b)
	for _, c := range found.Cases {
		want := "understudy run --implementation my/implementation.yaml --sandbox namespace --filter " + c.ID
		if !slices.ContainsFunc(c.Verifies, func(id string) bool { return strings.HasPrefix(id, "IMP-0") }) {
			want = "understudy run --implementation other/implementation.yaml --sandbox namespace --expect 'my list.yaml' --repeat 3 --filter " + c.ID
		}
		if c.Again != want {
			t.Fatalf("again is %s, want %s", c.Again, want)
		}
	}
}

func TestALostShardIsNeverGreen(t *testing.T) {
	dir := t.TempDir()
	whole := played(t, dir, "whole", nil, nil)
	one, two, three := played(t, dir, "one", []string{"--shard", "1/3"}, nil), played(t, dir, "two", []string{"--shard", "2/3"}, nil), played(t, dir, "three", []string{"--shard", "3/3"}, nil)
	code, text, all := reported(t, filepath.Join(dir, "all"), three, one, two)
	if code != 0 || all.Partial || all.Part != "" || all.Identity.Shard != nil || len(all.Joined) != 3 {
		t.Errorf("all shards: exit code %d, %v: %s", code, all.PartialWhy, text)
	}
	_, _, want := reported(t, "", whole)
	if got, want := verdicts(all), verdicts(want); !maps.Equal(got, want) {
		t.Errorf("%v, want those of the whole run: %v", got, want)
	}
	if got := strings.Join(all.Identity.Command, " "); got != "understudy run" {
		t.Errorf("run this again: %s", got)
	}
	for missing, dirs := range map[string][]string{
		"shard 2 of 3 is missing": {three, one}, "shard 1 of 3 is missing": {two, three}, "shard 3 of 3 is missing": {two},
	} {
		code, text, found := reported(t, filepath.Join(t.TempDir(), "all"), dirs...)
		if code != 3 || found.Exit != 3 || !strings.Contains(text, missing) {
			t.Errorf("exit code %d without %q: %s", code, missing, text)
		}
	}
	again := played(t, dir, "again", []string{"--shard", "2/3"}, nil)
	other := played(t, dir, "other", []string{"--shard", "2/3", "--filter", "IMP"}, nil)
	four := played(t, dir, "four", []string{"--shard", "2/4"}, nil)
	for want, dirs := range map[string][]string{
		"shard 2 of 3 is there twice, as run two and as run again": {one, two, again, three},
		"as run two and as run two":                                {one, two, three, two},
		"digest of the whole plan":                                 {one, other, three},
		"a shard of 4 in run four":                                 {one, four, three},
	} {
		out := filepath.Join(t.TempDir(), "all")
		code, text, _ := reported(t, out, dirs...)
		if _, err := os.Stat(out); code != 2 || !strings.Contains(text, want) || err == nil {
			t.Errorf("exit code %d without %q, or reports written: %s", code, want, text)
		}
	}
}

func TestTheReportOfOneShardSaysThatItIsAPart(t *testing.T) {
	dir := t.TempDir()
	code, text, found := reported(t, "", played(t, dir, "two", []string{"--shard", "2/3"}, nil))
	if code != 0 || !found.Partial || !strings.Contains(text, "A part, shard 2 of 3") || strings.Contains(text, "Conforms") {
		t.Errorf("exit code %d, partial %v: %s", code, found.PartialWhy, text)
	}
	page, err := os.ReadFile(filepath.Join(dir, "two", "index.html"))
	if err != nil || !bytes.Contains(page, []byte("A part, shard 2 of 3")) {
		t.Errorf("index.html does not say so: %v", err)
	}
	code, text, found = reported(t, "", played(t, dir, "beyond", []string{"--shard", "3/3", "--filter", "IMP-002/*/user-variables-lie"}, nil))
	if len(found.Cases) > 0 || code != 0 || !strings.Contains(text, "shard 3 of 3: Nothing to play") {
		t.Errorf("a shard beyond the cases: exit code %d, %d cases: %s", code, len(found.Cases), text)
	}
	code, text, found = reported(t, "", played(t, dir, "single", []string{"--shard", "1/1"}, nil))
	if code != 0 || found.Partial || !strings.Contains(text, "Conforms") {
		t.Errorf("the only shard: exit code %d: %s", code, text)
	}
}

func TestMoreShardsThanCasesAreWholeTogether(t *testing.T) {
	dir := t.TempDir()
	var dirs []string
	for _, i := range []string{"4", "1", "3", "2"} {
		dirs = append(dirs, played(t, dir, i, []string{"--filter", "IMP-002/*/user-variables-lie", "--shard", i + "/4"}, func(id *journal.Identity) {
			if len(id.Planned) > 0 {
				id.Version = "1"
			}
		}))
	}
	code, text, found := reported(t, filepath.Join(dir, "out"), dirs...)
	if code != 0 || len(found.Cases) != 2 || found.Part != "" || found.Identity.Version != "1" {
		t.Errorf("exit code %d, %d cases: %s", code, len(found.Cases), text)
	}
}

func verdicts(r result.Result) map[string]string {
	all := map[string]string{}
	for _, c := range r.Cases {
		all[c.ID] = string(c.Verdict)
	}
	for _, q := range r.Requirements {
		all[q.ID] = string(q.Verdict)
	}
	return all
}

// Commands in a report are taken apart without the flags of "run", which lie here.
func TestVerdictsKnowWhichFlagsOfRunTakeAValue(t *testing.T) {
	runCommand().Flags().VisitAll(func(flag *pflag.Flag) {
		if got, want := verdict.TakesValue(flag.Name), flag.NoOptDefVal == ""; got != want {
			t.Errorf("--%s takes a value: %t, verdict says %t", flag.Name, want, got)
		}
		if flag.Shorthand != "" {
			t.Errorf("--%s is also -%s, which verdict does not know", flag.Name, flag.Shorthand)
		}
	})
}
