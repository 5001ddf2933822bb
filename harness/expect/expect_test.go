package expect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/protocol/release"
)

const good = `# known deviations
- case: IMP-002/*
  role: runner
  actual: uid 61001
  reason: decides by LOGNAME
  issue: https://github.com/apache/airflow/issues/1
  cause: implementation
- requirement: BND-014
  outcome: could-not-run
  actual: git is missing
  reason: the image has no git
  cause: gap
  until: 2026-12-31
`

func read(t *testing.T, body string) *expect.File {
	t.Helper()
	f, err := expect.Read("expectations.yaml", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAFileIsReadWithItsDefaultsAndLines(t *testing.T) {
	f := read(t, good)
	if len(f.Entries) != 2 {
		t.Fatalf("%d entries, want 2", len(f.Entries))
	}
	if got := f.Entries[0].Outcome; got != journal.Violated {
		t.Errorf("outcome is %q, want violated when nothing is said", got)
	}
	if diff := cmp.Diff([]int{2, 8}, []int{f.Entries[0].Line, f.Entries[1].Line}); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestAnEmptyFileIsAnEmptyList(t *testing.T) {
	for _, body := range []string{"", "\n", "# nothing known\n", "[]\n"} {
		if f := read(t, body); len(f.Entries) != 0 {
			t.Errorf("%q has %d entries", body, len(f.Entries))
		}
	}
}

func TestAMistakeIsNamedWithItsLine(t *testing.T) {
	for name, tc := range map[string]struct{ old, text, want string }{
		"unknown key":            {"reason:", "raeson:", "raeson"},
		"no reason":              {"  reason: decides by LOGNAME\n", "", ":2: reason is missing"},
		"unchanged reason":       {"decides by LOGNAME", "CHANGE ME", ":2: reason still says CHANGE ME"},
		"unchanged, lower case":  {"decides by LOGNAME", "change me please", ":2: reason still says CHANGE ME"},
		"no actual":              {"  actual: uid 61001\n", "", "actual is missing"},
		"actual matches all":     {"uid 61001", "'.*'", "matches anything"},
		"actual is a blank":      {"uid 61001", "'\\s'", "matches anything"},
		"actual is optional":     {"uid 61001", "(uid)?", "matches anything"},
		"actual is broken":       {"uid 61001", "'('", `:2: actual "(" is no regular expression: missing closing ): `},
		"unchanged actual":       {"uid 61001", "CHANGE ME", "actual still says"},
		"a list as actual":       {"uid 61001", "[a, b]", ":4: actual has to be one text: put it between"},
		"odd intermittent":       {"  cause: gap", "  intermittent: maybe\n  cause: gap", ":12: intermittent is \"maybe\": use true or false"},
		"no entry":               {"# known deviations\n", "- IMP-002\n", ":1: is no entry: write one such as"},
		"outcome of the harness": {"could-not-run", "harness-error", `outcome "harness-error"`},
		"outcome held":           {"could-not-run", "held", `outcome "held"`},
		"outcome in upper case":  {"could-not-run", "Could-Not-Run", `outcome "Could-Not-Run"`},
		"unknown cause":          {"cause: gap", "cause: bug", ":8: cause \"bug\" is unknown: use one of implementation, gap, suite, spec"},
		"no cause":               {"  cause: gap\n", "", "cause \"\""},
		"bad date":               {"2026-12-31", "31.12.2026", "is no date"},
		"no such day":            {"2026-12-31", "2026-02-30", "is no date"},
		"case and requirement":   {"- requirement: BND-014", "- requirement: BND-014\n  case: x", "either a case or a requirement"},
		"neither":                {"- requirement: BND-014\n  outcome", "- outcome", "either a case or a requirement"},
		"odd requirement":        {"BND-014", "BND-14", "is no id"},
		"odd case":               {"IMP-002/*", "'IMP 002'", "is no case id"},
		"odd role":               {"role: runner", "role: Runner", `role "Runner" is unknown: use one of`},
		"plain http":             {"https:", "http:", "is no https URL"},
		"a map":                  {good, "entries: []\n", ":1: the list of known deviations has to be a YAML list of entries, such as\n- case: "},
		"two documents":          {good, good + "---\n[]\n", "second YAML document"},
		"an empty entry":         {good, "-\n", "empty entry"},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.Replace(good, tc.old, tc.text, 1)
			if body == good {
				t.Fatalf("nothing to replace: %q", tc.old)
			}
			_, err := expect.Read("expectations.yaml", []byte(body))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestWhatAnEntryCovers(t *testing.T) {
	c := plan.Case{ID: "IMP-002/runner/logname", Role: role.Runner, Verifies: []string{"IMP-002", "IMP-004"}}
	for _, tc := range []struct {
		name  string
		entry expect.Entry
		want  bool
	}{
		{"the id", expect.Entry{Case: "IMP-002/runner/logname"}, true},
		{"a prefix", expect.Entry{Case: "IMP-002"}, true},
		{"a prefix with slash", expect.Entry{Case: "IMP-002/runner/"}, true},
		{"a prefix inside a word", expect.Entry{Case: "IMP-002/run"}, false},
		{"a pattern", expect.Entry{Case: "IMP-*"}, true},
		{"a pattern over slashes", expect.Entry{Case: "IMP-*/logname"}, true},
		{"a pattern in the middle", expect.Entry{Case: "*-002/*/log*"}, true},
		{"a pattern that overlaps itself", expect.Entry{Case: "IMP-002/runner/logname*logname"}, false},
		{"another pattern", expect.Entry{Case: "LIFE-*"}, false},
		{"any other case", expect.Entry{Case: "IMP-002/runner/logname-2"}, false},
		{"a requirement", expect.Entry{Requirement: "IMP-004"}, true},
		{"another requirement", expect.Entry{Requirement: "IMP-005"}, false},
		{"the role", expect.Entry{Case: "IMP-002", Role: role.Runner}, true},
		{"another role", expect.Entry{Case: "IMP-002", Role: role.Worker}, false},
		{"a requirement in another role", expect.Entry{Requirement: "IMP-004", Role: role.Worker}, false},
	} {
		if got := tc.entry.Covers(c); got != tc.want {
			t.Errorf("%s: covers is %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestAnEntryHoldsForItsReleases(t *testing.T) {
	read := func(more string) *expect.File {
		t.Helper()
		f, err := expect.Read("expectations.yaml", []byte("- case: LIFE-009/*\n  actual: x\n  reason: y\n  cause: gap\n"+more))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := read("  airflow: \"<3.4\"\n")
	if got := before.Entries[0].Target(); got != "LIFE-009/* (Airflow <3.4)" {
		t.Errorf("it is about %s", got)
	}
	for version, want := range map[string]int{"": 1, "3.3.2": 1, "3.4.0b2": 0, "3.5.0": 0} {
		var as release.Version
		if version != "" {
			as = release.MustParse(version)
		}
		if got := len(before.At(as).Entries); got != want {
			t.Errorf("as %q: %d entries, want %d", version, got, want)
		}
		if got := len(read("").At(as).Entries); got != 1 {
			t.Errorf("as %q: an entry of all releases is gone", version)
		}
	}
	since, err := release.ParseRange(">=3.4")
	if err != nil {
		t.Fatal(err)
	}
	kase := plan.Case{ID: "LIFE-009/worker/x", Airflow: since}
	if before.Entries[0].Covers(kase) || !read("").Entries[0].Covers(kase) {
		t.Error("an entry of one release covers a case of another, or none at all")
	}
	if _, err := expect.Read("expectations.yaml", []byte("- case: LIFE-009/*\n  actual: x\n  reason: y\n  cause: gap\n  airflow: 3.4\n")); err == nil || !strings.Contains(err.Error(), "is no range of releases") {
		t.Errorf("a release for a range: %v", err)
	}
	var none *expect.File
	if none.At(release.MustParse("3.4.0")) != nil {
		t.Error("no list became one")
	}
}

func TestAnEntryExplainsOnlyWhatItDescribes(t *testing.T) {
	e := read(t, good).Entries[0]
	for _, tc := range []struct {
		name string
		o    journal.Observation
		want bool
	}{
		{"in actual", journal.Observation{Outcome: journal.Violated, Actual: "uid 61001 (airflow)"}, true},
		{"in says", journal.Observation{Outcome: journal.Violated, Says: "ran with uid 61001"}, true},
		{"other text", journal.Observation{Outcome: journal.Violated, Actual: "uid 0"}, false},
		{"other outcome", journal.Observation{Outcome: journal.CouldNotRun, Actual: "uid 61001"}, false},
	} {
		if got := e.Explains(tc.o); got != tc.want {
			t.Errorf("%s: explains is %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestAnEntryHoldsOnItsLastDay(t *testing.T) {
	e := read(t, good).Entries[1]
	for at, want := range map[string]bool{"2026-12-31T23:59:59Z": false, "2027-01-01T00:00:00Z": true, "2026-06-01T00:00:00Z": false} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Expired(now); got != want {
			t.Errorf("expired at %s is %v, want %v", at, got, want)
		}
	}
}

func TestASecondEntryForTheSameIsADuplicate(t *testing.T) {
	f := read(t, good+strings.Split(good, "- requirement")[0])
	again := f.Duplicates()
	if len(again) != 1 || again[0].Line != 15 {
		t.Errorf("duplicates are %v, want the entry of line 15", again)
	}
}

func TestASuggestedEntryWaitsForAReasonAndThenFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := plan.Case{ID: "IMP-003/runner/own-user", Role: role.Runner}
		o := journal.Observation{
			Outcome: rapid.SampledFrom([]journal.Outcome{journal.Violated, journal.CouldNotRun, journal.NotApplicable}).Draw(t, "outcome"),
			Says:    rapid.String().Draw(t, "says"),
			Actual:  rapid.OneOf(rapid.String(), rapid.StringMatching(`pid \d+ ran \d+\.\d s [(){}'":#&*|\\]*`)).Draw(t, "actual"),
		}
		text := expect.Suggest(c, o)
		if _, err := expect.Read("x", []byte(text)); err == nil || !strings.Contains(err.Error(), "CHANGE ME") {
			t.Fatalf("as printed it is read with %v, want a refusal:\n%s", err, text)
		}
		f, err := expect.Read("x", []byte(strings.Replace(text, "reason: CHANGE ME", "reason: known", 1)))
		if err != nil {
			if strings.Contains(text, "actual: CHANGE ME") {
				return // nothing printable was seen: the pattern is left to the person as well
			}
			t.Fatalf("with a reason: %v\n%s", err, text)
		}
		if !f.Entries[0].Covers(c) || !f.Entries[0].Explains(o) {
			t.Fatalf("does not fit what it was made from, %+v:\n%s", o, text)
		}
	})
}

func FuzzReadNeverPanicsAndNeverLetsAnEntryWithoutReasonPass(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("- case: a\n  actual: [\n"))
	f.Add([]byte("&a [*a]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		file, err := expect.Read("x", body)
		if err != nil {
			return
		}
		for _, e := range file.Entries {
			if strings.TrimSpace(e.Reason) == "" || e.Explains(journal.Observation{Outcome: e.Outcome}) {
				t.Errorf("entry %+v was let pass", e)
			}
		}
	})
}
