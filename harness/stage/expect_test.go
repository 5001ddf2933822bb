package stage

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/world"
)

// record of a log channel with that text.
func event(text string) map[string]any { return map[string]any{"timestamp": "now", "event": text} }

func TestWordsOfScenarios(t *testing.T) {
	alice := proc.Process{PID: 5, GIDs: [4]int{61002, 61002, 61002, 61002}}
	groups := func(gids ...int) proc.Process {
		p := alice
		p.Groups = gids
		return p
	}
	const lines = "user alice: permission denied\nopen /a/file\n"
	for name, test := range map[string]struct {
		check func(Check)
		holds bool
	}{
		"one line has all":              {func(c Check) { c.LineWith("n", lines, Name("alice"), "denied") }, true},
		"two lines have all together":   {func(c Check) { c.LineWith("n", lines, Name("alice"), "/a/file") }, false},
		"name within another name":      {func(c Check) { c.LineWith("n", "task probe_alice failed", Name("alice")) }, false},
		"name in quotes":                {func(c Check) { c.LineWith("n", `"user 'alice'."`, Name("alice")) }, true},
		"once":                          {func(c Check) { c.Once("n", "a mark b", "mark") }, true},
		"twice":                         {func(c Check) { c.Once("n", "mark mark", "mark") }, false},
		"never":                         {func(c Check) { c.Once("n", "", "mark") }, false},
		"plain records":                 {func(c Check) { c.NoWrapped("n", []map[string]any{event("hello"), event("a {brace}"), {}}) }, true},
		"record in a record":            {func(c Check) { c.NoWrapped("n", []map[string]any{event(`{"event":"hello"}`)}) }, false},
		"record after a prefix":         {func(c Check) { c.NoWrapped("n", []map[string]any{event(`[info] {"event":"hello","level":"info"}`)}) }, false},
		"JSON of the task's own":        {func(c Check) { c.NoWrapped("n", []map[string]any{event(`{"rows": 3}`)}) }, true},
		"different records":             {func(c Check) { c.NoRepeated("n", "{\"timestamp\":1}\n{\"timestamp\":2}\n") }, true},
		"a record again":                {func(c Check) { c.NoRepeated("n", "{\"timestamp\":1}\nx\n{\"timestamp\":1}\n") }, false},
		"a line without a time again":   {func(c Check) { c.NoRepeated("n", "x\nx\n{\"timestamp\":1}\n") }, true},
		"no record has a time":          {func(c Check) { c.NoRepeated("n", "x\ny\n") }, false},
		"nothing forbidden":             {func(c Check) { c.NoneOf("n", []string{"HOME"}, "HOME", "SECRET") }, true},
		"something forbidden":           {func(c Check) { c.NoneOf("n", []string{"HOME", "SECRET"}, "HOME", "SECRET") }, false},
		"control not there":             {func(c Check) { c.NoneOf("n", nil, "HOME", "SECRET") }, false},
		"payload":                       {func(c Check) { c.IsPayload("n", "abcdefghijklmnopqrstuvwxyzab", 28) }, true},
		"payload with another octet":    {func(c Check) { c.IsPayload("n", "abd", 3) }, false},
		"payload too short":             {func(c Check) { c.IsPayload("n", "ab", 3) }, false},
		"payload that is absent":        {func(c Check) { c.IsPayload("n", nil, 3) }, false},
		"groups of alice":               {func(c Check) { c.HasGroups(groups(61002, 61100), "alice") }, true},
		"groups without the own":        {func(c Check) { c.HasGroups(groups(61100), "alice") }, true},
		"a group is missing":            {func(c Check) { c.HasGroups(groups(61002), "alice") }, false},
		"a group of the worker is left": {func(c Check) { c.HasGroups(groups(61001, 61002, 61100), "alice") }, false},
		"gid of another":                {func(c Check) { c.HasGroups(groups(61100), "bob") }, false},
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
