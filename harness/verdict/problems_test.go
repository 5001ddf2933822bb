package verdict_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func TestOfProblemsThatAreAlikeSomeAreListedAndTheOthersCounted(t *testing.T) {
	malformed := func(n int) []journal.Event {
		s := begin(index[0].ID)
		for i := range n {
			s.add(journal.Event{Malformed: &journal.Malformed{Why: fmt.Sprintf("line %d", i+2)}})
		}
		return s.saw(index[0].ID, journal.Held).add(journal.Event{Sandbox: 7, SandboxEnd: &journal.SandboxEnd{}}).end()
	}
	for n, want := range map[int]string{10: "line 11", 11: "and 1 more like this: line 11", 1000: "and 990 more like this: line 11"} {
		problems := build(t, malformed(n), "").Problems
		at := slices.IndexFunc(problems, func(p verdict.Problem) bool { return p.Text == want })
		if at < 9 || at != len(problems)-2 || !strings.Contains(problems[at+1].Text, "had not started") {
			t.Errorf("%d lines that cannot be read: %q is no. %d of %v", n, want, at, problems)
		}
	}
	c := load(t)
	joined, err := verdict.Join(verdict.Collate(slices.Values(malformed(8))), verdict.Collate(slices.Values(malformed(500))))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, p := range verdict.Build(c, index, joined, nil, now).Problems {
		more := 1
		fmt.Sscanf(p.Text, "and %d more like this: line", &more)
		if strings.Contains(p.Text, "line ") {
			total += more
		}
	}
	if total != 508 {
		t.Errorf("%d lines that cannot be read are counted, want 508", total)
	}
}

func TestCasesThatNeverBeganAreListedUpToABound(t *testing.T) {
	var planned []string
	for i := range 5000 {
		planned = append(planned, fmt.Sprintf("IMP-001/runner/case-%d", i))
	}
	m := build(t, begin(append(planned, index[0].ID)...).saw(index[0].ID, journal.Held).end(), "")
	if len(m.Cases) != 1001 || m.Unlisted != 4000 || len(m.Identity.Planned) != 1001 || m.Cases[0].Verdict != verdict.Pass {
		t.Errorf("%d cases listed, %d not, %d planned", len(m.Cases), m.Unlisted, len(m.Identity.Planned))
	}
	for _, r := range m.Requirements {
		if r.ID == "IMP-001" && (r.Verdict != verdict.CouldNotRun || len(r.Cases) != 1001) {
			t.Errorf("IMP-001 is %s by %d cases", r.Verdict, len(r.Cases))
		}
	}
}
