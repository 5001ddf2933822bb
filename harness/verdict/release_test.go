package verdict_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// beginAs begins a run of an implementation that is judged as a release of Airflow.
func beginAs(version string, planned ...string) *story {
	s := begin(planned...)
	s.events[len(s.events)-1].SandboxStart.Environment[journal.AirflowKey] = version
	return s
}

func TestAnEntryOfAnotherReleaseIsNeitherAnExplanationNorStale(t *testing.T) {
	id := index[0].ID
	for _, c := range []struct {
		version string
		outcome journal.Outcome
		want    verdict.Verdict
		stale   int
	}{
		{"3.3.2", journal.Violated, verdict.ExpectedFail, 0},
		{"3.3.2", journal.Held, verdict.UnexpectedPass, 1},
		{"3.4.0b2", journal.Violated, verdict.Fail, 0},
		{"3.4.0b2", journal.Held, verdict.Pass, 0},
		{"", journal.Violated, verdict.ExpectedFail, 0}, // a journal that does not say it
	} {
		s := beginAs(c.version, id).saw(id, c.outcome)
		m := build(t, s.end(), entry(id, "  actual: uid 61001\n  airflow: \"<3.4\""))
		if got := m.Cases[0].Verdict; got != c.want || len(stale(m)) != c.stale || m.Airflow.String() != c.version {
			t.Errorf("as %q, %s: %s, stale %+v; want %s and %d stale", c.version, c.outcome, got, stale(m), c.want, c.stale)
		}
	}
	doubled := entry(id, "  actual: uid 61001\n  airflow: \"<3.4\"") + entry(id, "  actual: uid 61001\n  airflow: \">=3.4\"")
	if m := build(t, beginAs("3.4.0b2", id).saw(id, journal.Violated).end(), doubled); len(stale(m)) != 0 || m.Cases[0].Verdict != verdict.ExpectedFail {
		t.Errorf("two entries for two releases: %s, %+v", m.Cases[0].Verdict, stale(m))
	}
}

func TestARequirementOfOtherReleasesIsNotApplicable(t *testing.T) {
	of := func(version, id string) verdict.Requirement {
		m := build(t, beginAs(version, index[0].ID).saw(index[0].ID, journal.Held).end(), "")
		return m.Requirements[slices.IndexFunc(m.Requirements, func(r verdict.Requirement) bool { return r.ID == id })]
	}
	// No case verifies LIFE-024, which holds from 3.1 on.
	if r := of("3.0.6", "LIFE-024"); r.Verdict != verdict.NotApplicable || r.Says != "it holds for Airflow >=3.1.0 only, and this is 3.0.6" {
		t.Errorf("as 3.0.6: %s %q", r.Verdict, r.Says)
	}
	if r := of("3.3.2", "LIFE-024"); r.Verdict != verdict.Untested || r.Says != "" {
		t.Errorf("as 3.3.2: %s %q", r.Verdict, r.Says)
	}
	if r := of("3.0.6", "IMP-001"); r.Verdict != verdict.Pass {
		t.Errorf("a requirement that a case verified: %s", r.Verdict)
	}
}

func TestAManifestThatSaysWhatIsNotSoIsAConfigurationError(t *testing.T) {
	id := index[0].ID
	misled := journal.Observation{Outcome: journal.CouldNotRun, Misled: true, Says: "3.4, and not 3.3"}
	for name, events := range map[string][]journal.Event{
		"in the control": beginAs("3.3.2", id).
			add(journal.Event{Sandbox: 1, Control: &journal.Control{Role: "runner", Observation: misled}}).
			started(id).ended(id, misled).end(),
		"in a case": beginAs("3.3.2", id).started(id).acted(id, 0).ended(id, misled).end(),
	} {
		m := build(t, events, "")
		var said []string
		for _, p := range m.Problems {
			said = append(said, string(p.Kind)+" "+p.Text)
		}
		if verdict.Exit(m, verdict.Any) != verdict.ExitUsage || len(said) != 1 || !strings.Contains(said[0], "usage ") || !strings.Contains(said[0], "3.4, and not 3.3") {
			t.Errorf("%s: exit %d, %q", name, verdict.Exit(m, verdict.Any), said)
		}
		if got := m.Answer(verdict.Any).Conclusion; got != verdict.ManifestWrong {
			t.Errorf("%s: the conclusion is %d", name, got)
		}
		if m.Cases[0].Verdict != verdict.CouldNotRun {
			t.Errorf("%s: the case is %s", name, m.Cases[0].Verdict)
		}
	}
}

func TestAControlOfWhichTheServerRefusedSomethingLetsCasesSpeak(t *testing.T) {
	id := index[0].ID
	refused := journal.Observation{Outcome: journal.Violated, Says: "the task of plain should have succeeded"}
	m := build(t, beginAs("3.3.2", id).
		add(journal.Event{Sandbox: 1, Control: &journal.Control{Role: "runner", Observation: refused}}).
		saw(id, journal.Violated).end(), "")
	if len(m.Problems) != 0 || m.Cases[0].Verdict != verdict.Fail || verdict.Exit(m, verdict.Any) != verdict.ExitViolated {
		t.Errorf("exit %d, %s, %+v", verdict.Exit(m, verdict.Any), m.Cases[0].Verdict, m.Problems)
	}
}

func TestTheSandboxesOfARunAreOfOneRelease(t *testing.T) {
	id := index[0].ID
	other := func(version string) []journal.Event {
		return beginAs("3.3.2", id).saw(id, journal.Held).
			add(journal.Event{Sandbox: 2, SandboxStart: &journal.SandboxStart{Environment: map[string]string{journal.AirflowKey: version}}}).
			add(journal.Event{Sandbox: 2, SandboxEnd: &journal.SandboxEnd{}}).end()
	}
	if m := build(t, other("3.3.2"), ""); len(m.Problems) != 0 || verdict.Exit(m, verdict.Any) != verdict.ExitConforms {
		t.Errorf("the same release twice: exit %d, %+v", verdict.Exit(m, verdict.Any), m.Problems)
	}
	m := build(t, other("3.0.3"), "")
	if len(m.Problems) != 1 || !strings.Contains(m.Problems[0].Text, "of Airflow 3.3.2 in sandbox 1 and of 3.0.3 in sandbox 2") || verdict.Exit(m, verdict.Any) != verdict.ExitUsage {
		t.Errorf("two releases: exit %d, %+v", verdict.Exit(m, verdict.Any), m.Problems)
	}
	if got := m.Answer(verdict.Any).Conclusion; got != verdict.ManifestWrong {
		t.Errorf("the conclusion is %d", got)
	}
}

func TestRunsOfTwoReleasesAreNotJoined(t *testing.T) {
	id := index[0].ID
	first, second := beginAs("3.3.2", id).saw(id, journal.Held).end(), beginAs("3.4.0b2", id).saw(id, journal.Held).end()
	record := verdict.Collate(slices.Values(slices.Concat(first, second)))
	m := verdict.Build(load(t), index, record, nil, now)
	var texts []string
	for _, p := range m.Problems {
		if p.Kind == verdict.Usage {
			texts = append(texts, p.Text)
		}
	}
	if len(texts) != 1 || !strings.Contains(texts[0], "release of Airflow: 3.3.2 in run") {
		t.Errorf("%s", cmp.Diff([]string{"one about the release"}, texts))
	}
}

func TestARunOfWhichNoCaseAppliesHasJudgedNothing(t *testing.T) {
	first, second := index[0].ID, index[1].ID
	conclusion := func(outcomes ...journal.Outcome) verdict.Conclusion {
		s := begin(first, second)
		s.events[0].RunStart.Identity.Filter = first + "," + second
		for i, id := range []string{first, second} {
			s.saw(id, outcomes[i])
		}
		return build(t, s.end(), "").Answer(verdict.Any).Conclusion
	}
	if got := conclusion(journal.NotApplicable, journal.NotApplicable); got != verdict.NothingJudged {
		t.Errorf("no case applies: %d", got)
	}
	if got := conclusion(journal.NotApplicable, journal.Held); got != verdict.HoldsAsSelected {
		t.Errorf("one applies and holds: %d", got)
	}
}
