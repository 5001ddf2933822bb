package stage

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/world"
)

func TestWordsOfScenarios(t *testing.T) {
	const lines = "user alice: permission denied\nopen /a/file\n"
	for name, test := range map[string]struct {
		check func(Check)
		holds bool
	}{
		"one line has all":            {func(c Check) { c.LineWith("n", lines, Name("alice"), "denied") }, true},
		"two lines have all together": {func(c Check) { c.LineWith("n", lines, Name("alice"), "/a/file") }, false},
		"name within another name":    {func(c Check) { c.LineWith("n", "task probe_alice failed", Name("alice")) }, false},
		"name in quotes":              {func(c Check) { c.LineWith("n", `"user 'alice'."`, Name("alice")) }, true},
		"once":                        {func(c Check) { c.Once("n", "a mark b", "mark") }, true},
		"twice":                       {func(c Check) { c.Once("n", "mark mark", "mark") }, false},
		"never":                       {func(c Check) { c.Once("n", "", "mark") }, false},
	} {
		o := seen(t, test.check)
		switch {
		case test.holds && o != nil:
			t.Errorf("%s: does not hold: %+v", name, o)
		case !test.holds && (o == nil || o.Outcome != journal.Violated || o.Requirement != "IMP-004"):
			t.Errorf("%s: %+v, want a violation", name, o)
		}
	}
}

func TestUserCodeIsNoticedByAnyXComOfTheTask(t *testing.T) {
	for name, test := range map[string]struct {
		key   world.XComKey
		holds bool
	}{
		"of the task":     {world.XComKey{Dag: "probe", Run: "r", Task: "probe_ghost", Map: -1, Key: "any"}, false},
		"of another task": {world.XComKey{Dag: "probe", Run: "r", Task: "probe", Map: -1, Key: "any"}, true},
		"of another run":  {world.XComKey{Dag: "probe", Run: "r2", Task: "probe_ghost", Map: -1, Key: "any"}, true},
	} {
		o := seen(t, func(c Check) {
			c.stage.World.SetXCom(test.key, 1)
			c.NoUserCode(&Run{stage: c.stage, label: "ghost", dagID: "probe", runID: "r", taskID: "probe_ghost"})
		})
		if (o == nil) != test.holds {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestFindLooksEverywhereBelow(t *testing.T) {
	dir := t.TempDir()
	want := []string{filepath.Join(dir, "a", "x"), filepath.Join(dir, "x")}
	for _, path := range want {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := (&Stage{}).Find(dir, "x")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if got := (&Stage{}).Find(filepath.Join(dir, "absent"), "x"); len(got) != 0 {
		t.Errorf("in a folder that is not there: %v", got)
	}
}

func TestNameIsAPatternForAnyText(t *testing.T) {
	if !regexp.MustCompile(Name("a.b")).MatchString("user a.b!") || regexp.MustCompile(Name("a.b")).MatchString("aXb") {
		t.Error("a name is not taken literally")
	}
}
