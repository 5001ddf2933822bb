package verdict_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/scenarios"
)

var (
	start = time.Date(2026, 11, 21, 22, 41, 0, 0, time.UTC)
	now   = start.Add(time.Hour)
)

// The cases of these tests, by the requirement that their name begins with:
// IMP-001 upstream MUST, IMP-002 hardened MUST, IMP-026 upstream SHOULD, MSG-010 upstream MAY.
var index = []plan.Case{
	{ID: "IMP-001/runner/table", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-001", "IMP-004"}, Says: "the right user"},
	{ID: "IMP-001/worker/table", Role: role.Worker, Area: "impersonation", Verifies: []string{"IMP-001"}, Says: "the right user"},
	{ID: "IMP-002/runner/logname", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-002"}, Says: "by uid"},
	{ID: "IMP-026/runner/root", Role: role.Runner, Area: "impersonation", Verifies: []string{"IMP-026"}, Says: "no root"},
	{ID: "MSG-010/supervisor/hitl", Role: role.Supervisor, Area: "messages", Verifies: []string{"MSG-010"}, Says: "may be left out"},
}

// story writes a journal.
type story struct {
	events []journal.Event
	at     time.Time
}

func (s *story) add(e journal.Event) *story {
	if s.at.IsZero() {
		s.at = start
	}
	s.at = s.at.Add(time.Second)
	e.Time = s.at
	s.events = append(s.events, e)
	return s
}

func begin(planned ...string) *story {
	s := &story{}
	s.add(journal.Event{RunStart: journal.Start(journal.Identity{
		Suite: "0.1.0", Catalogue: "c", Implementation: "demo", Manifest: "my images/implementation.yaml", Sandbox: "namespace",
		Roles: []role.Role{role.Runner, role.Worker, role.Supervisor}, Planned: planned,
	})})
	return s.add(journal.Event{Sandbox: 1, SandboxStart: &journal.SandboxStart{Environment: map[string]string{"kernel": "6"}}})
}

func (s *story) started(id string) *story {
	return s.add(journal.Event{Sandbox: 1, Case: id, CaseStart: &journal.CaseStart{}})
}

func (s *story) ended(id string, o journal.Observation) *story { return s.endedAt(id, 0, o) }

// endedAt is the end of an attempt: by a check that did not hold, where that is what happened.
func (s *story) endedAt(id string, attempt int, o journal.Observation) *story {
	if o.Outcome == journal.Violated {
		s.checked(id, attempt, journal.Check{Requirement: cmp.Or(o.Requirement, verified(id)[0]), What: o.Says, Expected: o.Expected, Actual: o.Actual, Where: o.Where})
	}
	return s.add(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, CaseEnd: journal.End(o, 1500*time.Millisecond)})
}

func (s *story) checked(id string, attempt int, made journal.Check) *story {
	made.Clause = made.Requirement
	return s.add(journal.Event{Sandbox: 1, Case: id, Attempt: attempt, Check: &made})
}

// verified lists the requirements of a case of the index, or of another one, as well as can be told.
func verified(id string) []string {
	if kase := caseOf(id); kase.ID != "" {
		return kase.Verifies
	}
	return strings.Split(id, "/")[:1]
}

func (s *story) saw(id string, outcome journal.Outcome) *story {
	o := journal.Observation{Outcome: outcome, Says: "seen", Actual: "uid 61001"}
	if s.started(id); outcome == journal.Held {
		s.acted(id, 0)
	}
	return s.ended(id, o)
}

// acted is a check for each requirement, without which nothing can hold.
func (s *story) acted(id string, attempt int) *story {
	for _, requirement := range verified(id) {
		s.checked(id, attempt, journal.Check{Requirement: requirement, What: "acts", Held: true})
	}
	return s
}

func (s *story) end() []journal.Event {
	s.add(journal.Event{Sandbox: 1, SandboxEnd: &journal.SandboxEnd{}})
	return s.add(journal.Event{RunEnd: &journal.RunEnd{}}).events
}

// endEarly is end for a run that was interrupted.
func (s *story) endEarly() []journal.Event {
	s.add(journal.Event{Sandbox: 1, SandboxEnd: &journal.SandboxEnd{}})
	return s.add(journal.Event{RunEnd: &journal.RunEnd{Partial: true, Why: "interrupted by SIGINT"}}).events
}

func build(t *testing.T, events []journal.Event, known string) verdict.Model {
	t.Helper()
	return verdict.Build(load(t), index, verdict.Collate(slices.Values(events)), list(t, known), now)
}

func load(t interface{ Fatal(...any) }) *catalogue.Catalogue {
	c, err := catalogue.Read(scenarios.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.All() { // how sentences are cut is for one test only
		if r.ID != "IMP-011" {
			r.Clauses = []catalogue.Clause{{ID: r.ID, Says: r.Sentence, Roles: r.Roles}}
		}
	}
	return c
}

func list(t *testing.T, known string) *expect.File {
	t.Helper()
	f, err := expect.Read("expectations.yaml", []byte(known))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func entry(target, more string) string {
	return "- case: " + target + "\n  reason: known\n  cause: implementation\n" + more + "\n"
}

func TestExitCodeIsTheGravestFinding(t *testing.T) {
	ids := func(n int) []string {
		var list []string
		for _, c := range index[:n] {
			list = append(list, c.ID)
		}
		return list
	}
	all := func(outcome journal.Outcome) *story {
		s := begin(ids(5)...)
		for _, c := range index {
			s.saw(c.ID, outcome)
		}
		return s
	}
	uid := "  actual: uid 61001"
	for _, tc := range []struct {
		name                    string
		events                  []journal.Event
		known                   string
		any, upstream, hardened int
	}{
		{"everything holds", all(journal.Held).end(), "", 0, 0, 0},
		{"a hardened MUST is violated", begin(ids(3)...).saw(index[0].ID, journal.Held).saw(index[1].ID, journal.Held).saw(index[2].ID, journal.Violated).end(), "", 1, 0, 1},
		{"a SHOULD is violated", begin(index[3].ID).saw(index[3].ID, journal.Violated).end(), "", 1, 1, 2},
		{"a MAY is violated beside what holds", begin(index[0].ID, index[4].ID).saw(index[0].ID, journal.Held).saw(index[4].ID, journal.Violated).end(), "", 0, 0, 2},
		{"violated as listed", begin(index[2].ID).saw(index[2].ID, journal.Violated).end(), entry("IMP-002", uid), 0, 2, 0},
		{"violated otherwise than listed", begin(index[2].ID).saw(index[2].ID, journal.Violated).end(), entry("IMP-002", "  actual: uid 0$"), 1, 2, 1},
		{"listed and held", begin(index[2].ID).saw(index[2].ID, journal.Held).end(), entry("IMP-002", uid), 1, 2, 1},
		{"listed as violated, could not run", begin(index[2].ID).saw(index[2].ID, journal.CouldNotRun).end(), entry("IMP-002", uid), 3, 2, 3},
		{"could not run", begin(index[0].ID).saw(index[0].ID, journal.CouldNotRun).end(), "", 3, 3, 2},
		{"could not run as listed, the rest holds", begin(ids(2)...).saw(index[0].ID, journal.CouldNotRun).saw(index[1].ID, journal.Held).end(), entry("IMP-001/runner", "  outcome: could-not-run\n  actual: seen"), 0, 0, 2},
		{"an entry for nothing", all(journal.Held).end(), entry("IMP-099", uid), 1, 1, 1},
		{"an entry that has expired", begin(ids(3)...).saw(index[0].ID, journal.Held).saw(index[1].ID, journal.Held).saw(index[2].ID, journal.Violated).end(), entry("IMP-002", uid+"\n  until: 2026-11-20"), 1, 1, 1},
		{"an entry about a case that was not planned", begin(index[0].ID).saw(index[0].ID, journal.Held).end(), entry("IMP-002", uid), 0, 0, 2},
		{"two entries for the same", begin(index[2].ID).saw(index[2].ID, journal.Violated).end(), entry("IMP-002", uid) + entry("IMP-002", uid), 1, 2, 1},
		{"two entries explain the same", begin(index[2].ID).saw(index[2].ID, journal.Violated).end(), entry("IMP-002", uid) + entry("IMP-*", uid), 1, 2, 1},
		{"a harness error", begin(index[0].ID).saw(index[0].ID, journal.HarnessError).end(), "", 4, 4, 2},
		{"a harness error cannot be listed", begin(index[0].ID).saw(index[0].ID, journal.HarnessError).end(), entry("IMP-001", uid), 4, 4, 2},
		{"planned and never started", begin(ids(2)...).saw(index[0].ID, journal.Held).end(), "", 3, 3, 2},
		{"started and never ended", begin(index[0].ID).started(index[0].ID).end(), "", 4, 4, 2},
		{"the gravest of all four", begin(ids(4)...).started(index[0].ID).saw(index[1].ID, journal.CouldNotRun).saw(index[2].ID, journal.Violated).end(), "", 4, 4, 1},
		{"incomplete is graver than violated", begin(ids(2)...).saw(index[0].ID, journal.CouldNotRun).saw(index[1].ID, journal.Violated).end(), "", 3, 3, 2},
		{"nothing was planned", begin().end(), "", 2, 2, 2},
		{"no end of the run", begin(index[0].ID).saw(index[0].ID, journal.Held).events, "", 3, 3, 2},
		{"no beginning of the run", begin(index[0].ID).saw(index[0].ID, journal.Held).end()[1:], "", 4, 4, 4},
		{"a line that cannot be read", append(begin(index[0].ID).saw(index[0].ID, journal.Held).end(), journal.Event{Malformed: &journal.Malformed{Why: "line 7"}}), "", 4, 4, 4},
		{"an empty journal", nil, "", 3, 3, 3},
		{"nothing but the beginning", begin(ids(3)...).events[:1], "", 3, 3, 3},
		{"killed in a case", begin(ids(2)...).saw(index[0].ID, journal.Held).started(index[1].ID).events, "", 3, 3, 2},
		{"killed in a case, after another one was lost", begin(ids(2)...).started(index[0].ID).ended(index[0].ID, journal.Observation{Outcome: journal.HarnessError}).started(index[1].ID).events, "", 4, 4, 2},
		{"a sandbox that ended with an error after its exit record", begin(index[0].ID).saw(index[0].ID, journal.Held).add(journal.Event{Sandbox: 1, SandboxEnd: &journal.SandboxEnd{}}).add(journal.Event{Sandbox: 1, SandboxLost: &journal.SandboxLost{Why: "exit status 137"}}).add(journal.Event{RunEnd: &journal.RunEnd{}}).events, "", 3, 3, 2},
		{"a case that is said to hold, and nothing was done in it", begin(index[0].ID).started(index[0].ID).ended(index[0].ID, journal.Observation{Outcome: journal.Held}).end(), "", 4, 4, 2},
		{"a case that was violated is played again", begin(index[0].ID).saw(index[0].ID, journal.Violated).saw(index[0].ID, journal.Held).end(), "", 4, 4, 2},
		{"all cases were seen once when the run was ended", begin(index[0].ID).saw(index[0].ID, journal.Held).endEarly(), "", 3, 3, 2},
		{"a case that was not planned", begin(index[0].ID).saw(index[0].ID, journal.Held).saw(index[1].ID, journal.Held).end(), "", 4, 4, 4},
		{"a case outside the index", begin("IMP-001/runner/gone").saw("IMP-001/runner/gone", journal.Held).end(), "", 4, 4, 2},
		{"nothing applies to a whole run", all(journal.NotApplicable).end(), "", 3, 3, 3},
		{"an outcome nobody knows", begin(index[0].ID).saw(index[0].ID, "HELD").end(), "", 4, 4, 2},
		{"no observation", begin(index[0].ID).started(index[0].ID).add(journal.Event{Case: index[0].ID, CaseEnd: &journal.CaseEnd{}}).end(), "", 4, 4, 2},
		{"a violation of another requirement than claimed", begin(index[1].ID).started(index[1].ID).ended(index[1].ID, journal.Observation{Outcome: journal.Violated, Requirement: "IMP-002"}).end(), "", 4, 4, 2},
		{"a control that failed", begin(index[0].ID).add(journal.Event{Control: &journal.Control{Role: "runner", Observation: journal.Observation{Outcome: journal.Violated, Says: "no"}}}).end(), "", 3, 3, 2},
	} {
		m := build(t, tc.events, tc.known)
		got := [3]int{verdict.Exit(m, verdict.Any), verdict.Exit(m, catalogue.Upstream), verdict.Exit(m, catalogue.Hardened)}
		if want := [3]int{tc.any, tc.upstream, tc.hardened}; got != want {
			t.Errorf("%s: exit codes (any, upstream, hardened) are %v, want %v; problems: %v", tc.name, got, want, m.Problems)
		}
	}
}

func TestAttemptsThatDifferAreFlaky(t *testing.T) {
	attempt := func(s *story, n int, outcome journal.Outcome) {
		id := index[1].ID
		s.add(journal.Event{Case: id, Attempt: n, CaseStart: &journal.CaseStart{}}).acted(id, n)
		s.endedAt(id, n, journal.Observation{Outcome: outcome, Actual: string(outcome)})
	}
	for _, tc := range []struct {
		outcomes []journal.Outcome
		want     verdict.Verdict
		exit     int
	}{
		{[]journal.Outcome{journal.Held, journal.Held}, verdict.Pass, 0},
		{[]journal.Outcome{journal.Violated, journal.Violated}, verdict.Fail, 1},
		{[]journal.Outcome{journal.Held, journal.Violated, journal.Held}, verdict.Flaky, 1},
		{[]journal.Outcome{journal.Held, journal.NotApplicable}, verdict.Flaky, 1},
		{[]journal.Outcome{journal.Held, journal.CouldNotRun}, verdict.CouldNotRun, 3},
		{[]journal.Outcome{journal.Violated, journal.HarnessError}, verdict.HarnessError, 4},
	} {
		s := begin(index[1].ID)
		for i, o := range tc.outcomes {
			attempt(s, i+1, o)
		}
		m := build(t, s.end(), "")
		if got := m.Cases[0].Verdict; got != tc.want || verdict.Exit(m, verdict.Any) != tc.exit {
			t.Errorf("%v: %s and exit %d, want %s and %d", tc.outcomes, got, verdict.Exit(m, verdict.Any), tc.want, tc.exit)
		}
		if tc.want == verdict.Flaky && m.Cases[0].Suggestion != "" {
			t.Errorf("%v: an entry is suggested that cannot hold: %s", tc.outcomes, m.Cases[0].Suggestion)
		}
		if got := len(m.Cases[0].Attempts); got != len(tc.outcomes) {
			t.Errorf("%v: %d attempts", tc.outcomes, got)
		}
	}
}

// A deviation that depends on timing may hold, may happen, may do both in
// attempts that follow each other; what it may not do is happen otherwise.
func TestAnIntermittentDeviationMayHold(t *testing.T) {
	id := index[1].ID
	known := "- {case: " + id + ", actual: lost, reason: a race, cause: implementation, intermittent: true}\n"
	for _, tc := range []struct {
		actual []string // "" is held
		want   verdict.Verdict
		exit   int
	}{
		{[]string{""}, verdict.Pass, 0},
		{[]string{"lost 3"}, verdict.ExpectedFail, 0},
		{[]string{"", "lost 3"}, verdict.ExpectedFail, 0},
		{[]string{"", "doubled"}, verdict.Flaky, 1},
		{[]string{"doubled"}, verdict.Fail, 1},
	} {
		s := begin(id)
		for i, actual := range tc.actual {
			o := &journal.Observation{Outcome: journal.Held}
			if actual != "" {
				o = &journal.Observation{Outcome: journal.Violated, Actual: actual}
			}
			s.add(journal.Event{Case: id, Attempt: i + 1, CaseStart: &journal.CaseStart{}}).acted(id, i+1)
			s.endedAt(id, i+1, *o)
		}
		m := build(t, s.end(), known)
		if got, exit := m.Cases[0].Verdict, verdict.Exit(m, verdict.Any); got != tc.want || exit != tc.exit {
			t.Errorf("%q: %s and exit %d, want %s and %d; %v", tc.actual, got, exit, tc.want, tc.exit, m.Problems)
		}
	}
}

func TestJoinedJournalsCountTheLatestRunOfACase(t *testing.T) {
	first := begin(index[0].ID, index[1].ID).saw(index[0].ID, journal.Violated).started(index[1].ID).end()
	second := begin(index[1].ID, index[2].ID).saw(index[1].ID, journal.Held).saw(index[2].ID, journal.Held).end()
	m := build(t, append(first, second...), "")
	got := map[string]verdict.Verdict{}
	for _, c := range m.Cases {
		got[c.ID] = c.Verdict
	}
	want := map[string]verdict.Verdict{index[0].ID: verdict.Fail, index[1].ID: verdict.Pass, index[2].ID: verdict.Pass}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestARequirementIsViolatedByTheCaseThatViolatedIt(t *testing.T) {
	violated := func(id, requirement string) *story {
		return begin(index[0].ID, index[1].ID).started(id).ended(id, journal.Observation{Outcome: journal.Violated, Requirement: requirement})
	}
	for _, tc := range []struct {
		name   string
		events []journal.Event
		want   map[string]verdict.Verdict
	}{
		{
			"the other requirement of the case is not shown",
			violated(index[0].ID, "IMP-001").saw(index[1].ID, journal.Held).end(),
			map[string]verdict.Verdict{"IMP-001": verdict.Fail, "IMP-004": verdict.NotShown},
		},
		{
			"unless another case shows it",
			violated(index[0].ID, "IMP-004").saw(index[1].ID, journal.Held).end(),
			map[string]verdict.Verdict{"IMP-001": verdict.Pass, "IMP-004": verdict.Fail},
		},
		{
			"rows without a case",
			begin(index[0].ID, index[1].ID).saw(index[0].ID, journal.Held).saw(index[1].ID, journal.Held).end(),
			map[string]verdict.Verdict{"IMP-001": verdict.Pass, "IMP-002": verdict.Untested, "IMP-005": verdict.Untested, "WIRE-019": verdict.Untestable},
		},
	} {
		m := build(t, tc.events, "")
		got := map[string]verdict.Verdict{}
		for _, r := range m.Requirements {
			if _, asked := tc.want[r.ID]; asked {
				got[r.ID] = r.Verdict
			}
		}
		if diff := gocmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestARoleThatIsNotPlayedIsNoGap(t *testing.T) {
	s := begin(index[0].ID)
	s.events[0].RunStart.Identity.Roles = []role.Role{role.Runner}
	m := build(t, s.saw(index[0].ID, journal.Held).end(), "")
	for _, r := range m.Requirements {
		if r.ID == "MSG-010" && (r.Verdict != verdict.NotApplicable || !slices.Equal(r.Elsewhere, []role.Role{role.Supervisor})) {
			t.Errorf("MSG-010 is %s (%s), want not-applicable naming the role", r.Verdict, r.Elsewhere)
		}
	}
}

func TestACaseThatIsOpenWhenTheJournalEndsIsNoFaultOfOurs(t *testing.T) {
	m := build(t, begin(index[0].ID, index[1].ID).saw(index[1].ID, journal.Held).started(index[0].ID).events, "")
	c := m.Cases[0]
	if c.Verdict != verdict.CouldNotRun || c.Observation.Says != "the run was interrupted during this case" || m.Cases[1].Verdict != verdict.Pass {
		t.Errorf("%s is %s: %s; %s is %s", c.ID, c.Verdict, c.Observation.Says, m.Cases[1].ID, m.Cases[1].Verdict)
	}
}

// Of two journals, one that was cut says nothing about cases of the other.
func TestOnlyTheJournalWithoutEndIsInterrupted(t *testing.T) {
	whole := begin(index[0].ID).started(index[0].ID).end()
	cut := begin(index[1].ID).started(index[1].ID).events
	for _, events := range [][]journal.Event{append(whole, cut...), append(cut, whole...)} {
		m := build(t, events, "")
		if m.Cases[0].Verdict != verdict.HarnessError || m.Cases[1].Verdict != verdict.CouldNotRun {
			t.Errorf("the case of the whole journal is %s, that of the one without end %s", m.Cases[0].Verdict, m.Cases[1].Verdict)
		}
	}
}

func TestARunThatOnlyBeganIsUnfinished(t *testing.T) {
	m := build(t, begin(index[0].ID, index[1].ID).events[:1], "")
	if answer := m.Answer(verdict.Any); !m.Unfinished || !m.Partial() || answer.Conclusion != verdict.NotFinished || len(m.Problems) != 1 || len(m.Cases) != 2 {
		t.Errorf("unfinished %v, partial %v, answer %v, %d cases, problems %v", m.Unfinished, m.Partial(), answer, len(m.Cases), m.Problems)
	}
	if m := build(t, begin(index[0].ID).events, ""); m.Unfinished {
		t.Error("a run with a sandbox is said to have begun nothing")
	}
}

func TestAnInterruptedCaseIsNamed(t *testing.T) {
	m := build(t, begin(index[0].ID).started(index[0].ID).add(journal.Event{Case: index[0].ID, Step: &journal.Step{Text: "x"}}).end(), "")
	c := m.Cases[0]
	if c.ID != index[0].ID || c.Verdict != verdict.HarnessError || !strings.Contains(c.Observation.Says, "began and did not end") {
		t.Errorf("case is %s %s %q", c.ID, c.Verdict, c.Observation.Says)
	}
	if len(c.Transcript) != 1 {
		t.Errorf("%d events in the transcript, want the one that was written", len(c.Transcript))
	}
}

func TestPartialRunsSaySo(t *testing.T) {
	s := begin(index[0].ID)
	s.events[0].RunStart.Identity.Filter = "IMP-001/runner"
	if m := build(t, s.saw(index[0].ID, journal.Held).end(), ""); !m.Partial() || m.Inside != 1 || m.Offered <= m.Inside || m.Cut {
		t.Errorf("partial is %v: %d of %d cases, cut %v %q", m.Partial(), m.Inside, m.Offered, m.Cut, m.CutWhy)
	}
	if m := build(t, begin(index[0].ID).saw(index[0].ID, journal.Held).endEarly(), ""); !m.Partial() || !m.Cut || m.CutWhy != "interrupted by SIGINT" {
		t.Errorf("partial is %v: %d of %d cases, cut %v %q", m.Partial(), m.Inside, m.Offered, m.Cut, m.CutWhy)
	}
}

func TestACaseCarriesTheCommandAndTheEntryToPaste(t *testing.T) {
	m := build(t, begin(index[0].ID).saw(index[0].ID, journal.Violated).end(), "")
	c := m.Cases[0]
	if want := "understudy run --implementation 'my images/implementation.yaml' --sandbox namespace --filter IMP-001/runner/table"; c.Again != want {
		t.Errorf("again is %s, want %s", c.Again, want)
	}
	if !strings.Contains(c.Suggestion, "case: IMP-001/runner/table") || !strings.Contains(c.Suggestion, expect.ChangeMe) {
		t.Errorf("suggestion is %q", c.Suggestion)
	}
	mutant := begin(index[0].ID)
	mutant.events[0].RunStart.Identity.Command = []string{"understudy", "selftest", "skip-the-switch"}
	if got := build(t, mutant.saw(index[0].ID, journal.Violated).end(), "").Cases[0].Again; got != "understudy selftest skip-the-switch" {
		t.Errorf("of a mutant, again is %s", got)
	}
	if got := build(t, begin(index[0].ID).end(), "").Cases[0]; got.Verdict != verdict.CouldNotRun || got.Suggestion != "" {
		t.Errorf("a case that never started: %s, suggestion %q", got.Verdict, got.Suggestion)
	}
	if c.Duration != 1500*time.Millisecond {
		t.Errorf("duration is %v", c.Duration)
	}
}

func TestALongTranscriptKeepsBothEnds(t *testing.T) {
	s := begin(index[0].ID).started(index[0].ID)
	for range 10000 {
		s.add(journal.Event{Case: index[0].ID, Step: &journal.Step{}})
	}
	s.ended(index[0].ID, journal.Observation{Outcome: journal.Violated})
	first, last := s.events[3], s.events[len(s.events)-2] // the check that did not hold
	c := build(t, s.end(), "").Cases[0]
	n := len(c.Transcript)
	if n > 4001 || !c.Transcript[0].Time.Equal(first.Time) || !c.Transcript[n-1].Time.Equal(last.Time) {
		t.Errorf("%d events from %v to %v", n, c.Transcript[0].Time, c.Transcript[n-1].Time)
	}
	marks := 0
	for _, e := range c.Transcript {
		if e.Step != nil && strings.Contains(e.Step.Text, "left out") {
			marks++
		}
	}
	if marks != 1 {
		t.Errorf("%d marks for what was left out, want one", marks)
	}
}
