package verdict_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// what is what a model says about the implementation, and how it exits.
func what(m verdict.Model) map[string]string {
	all := map[string]string{"exit": fmt.Sprint(verdict.Exit(m, verdict.Any)), "partial": fmt.Sprint(m.Partial(), m.Inside, m.Offered, m.Cut, m.CutWhy), "part": fmt.Sprint(m.Part), "planned": fmt.Sprint(m.Identity.Planned)}
	for _, c := range m.Cases {
		all[c.ID] = fmt.Sprint(c.Verdict, c.Requirement, c.Observation, len(c.Attempts), c.Known)
	}
	for _, r := range m.Requirements {
		all[r.ID] = fmt.Sprint(r.Verdict, r.Says, r.Elsewhere, r.Covered, r.Roles, r.Cases)
	}
	for _, p := range m.Profiles {
		all[string(p.Name)] = fmt.Sprint(m.Answer(p.Name), p.Exit, p.Total, p.Counts)
	}
	for i, p := range m.Problems {
		all[fmt.Sprint("problem ", i)] = fmt.Sprint(p)
	}
	return all
}

// sharded draws what n sandboxes see of the cases, and writes it as the journal of the whole run and as those of n shards.
func sharded(t *rapid.T) (whole *verdict.Runs, shards []*verdict.Runs) {
	var cases []plan.Case
	for _, c := range index {
		if rapid.IntRange(0, 3).Draw(t, "planned") > 0 {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		cases = index[:1]
	}
	repeat := rapid.IntRange(1, 2).Draw(t, "repeat")
	seen := map[string][]journal.Outcome{}
	for _, c := range cases {
		for range repeat {
			seen[c.ID] = append(seen[c.ID], rapid.SampledFrom(outcomes).Draw(t, "outcome"))
		}
	}
	of := func(cases []plan.Case, shard *journal.Shard) *verdict.Runs {
		s := begin(plan.IDs(cases)...)
		s.events[0].RunStart.Identity.Shard = shard
		if len(cases) == 0 {
			s.events = s.events[:1] // no sandbox starts
			return verdict.Collate(slices.Values(s.add(journal.Event{RunEnd: &journal.RunEnd{}}).events))
		}
		for _, c := range cases {
			for attempt, outcome := range seen[c.ID] {
				s.add(journal.Event{Sandbox: 1, Case: c.ID, Attempt: attempt, CaseStart: &journal.CaseStart{}}).acted(c.ID, attempt)
				s.endedAt(c.ID, attempt, journal.Observation{Outcome: outcome, Actual: "apples"})
			}
		}
		return verdict.Collate(slices.Values(s.end()))
	}
	whole = of(cases, nil)
	n := rapid.IntRange(1, len(index)+2).Draw(t, "shards")
	for i := 1; i <= n; i++ {
		shards = append(shards, of(plan.Shard{Index: i, Of: n}.Take(cases), &journal.Shard{Index: i, Of: n, Plan: plan.Digest("c", plan.IDs(cases))}))
	}
	return whole, shards
}

// However a plan is cut, and in whatever order its shards are joined, they say what the whole run says;
// without one of them the result is incomplete, and with one of them twice there is none.
func TestShardsTogetherSayWhatTheWholeRunSays(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		whole, shards := sharded(t)
		known := arbitraryList(t)
		shards = rapid.Permutation(shards).Draw(t, "order")
		all, err := verdict.Join(shards...)
		if err != nil {
			t.Fatal(err)
		}
		want, got := what(verdict.Build(c, index, whole, known, now)), what(verdict.Build(c, index, all, known, now))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d shards say otherwise than the whole run (-whole +shards):\n%s", len(shards), diff)
		}
		one := rapid.IntRange(0, len(shards)-1).Draw(t, "one")
		if _, err := verdict.Join(append(slices.Clone(shards), shards[one])...); !errors.Is(err, verdict.ErrJoin) {
			t.Fatalf("one shard twice: %v", err)
		}
		if len(shards) == 1 {
			return
		}
		rest, err := verdict.Join(slices.Delete(slices.Clone(shards), one, one+1)...)
		if err != nil {
			t.Fatal(err)
		}
		m := verdict.Build(c, index, rest, known, now)
		broken := slices.ContainsFunc(m.Cases, func(c verdict.Case) bool { return c.Verdict == verdict.HarnessError })
		if exit := verdict.Exit(m, verdict.Any); (exit != verdict.ExitIncomplete && !(broken && exit == verdict.ExitHarness)) || m.Part.Whole() {
			t.Fatalf("one of %d shards is missing, and the exit code is %d, part %v, problems %v", len(shards), exit, m.Part, m.Problems)
		}
	})
}

// Runs of any cases join in any order to the same, and the run that began last says what a case is.
func TestTheOrderOfJoinedRunsDoesNotMatter(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		var runs []*verdict.Runs
		last := map[string]journal.Outcome{}
		for i := range rapid.IntRange(1, 4).Draw(t, "runs") {
			var planned []string
			for _, c := range index {
				if rapid.Bool().Draw(t, "planned") {
					planned = append(planned, c.ID)
				}
			}
			s := begin(planned...)
			s.events[0].Time = start.Add(time.Duration(i) * time.Hour)
			for _, id := range planned {
				last[id] = rapid.SampledFrom(outcomes).Draw(t, "outcome")
				s.saw(id, last[id])
			}
			runs = append(runs, verdict.Collate(slices.Values(s.end())))
		}
		first, err := verdict.Join(runs...)
		if err != nil {
			t.Fatal(err)
		}
		second, err := verdict.Join(rapid.Permutation(runs).Draw(t, "order")...)
		if err != nil {
			t.Fatal(err)
		}
		m := verdict.Build(c, index, first, nil, now)
		if diff := cmp.Diff(what(m), what(verdict.Build(c, index, second, nil, now))); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
		if len(m.Cases) != len(last) || m.Partial() != (len(last) < len(index)) {
			t.Fatalf("%d of %d cases, partial %v", len(m.Cases), len(last), m.Partial())
		}
		for _, c := range m.Cases {
			if c.Observation.Outcome != last[c.ID] {
				t.Fatalf("%s is %s, and the last run saw %s", c.ID, c.Observation.Outcome, last[c.ID])
			}
		}
	})
}

func TestShardsThatAreNotTheirPlanAreOurFault(t *testing.T) {
	c := load(t)
	shard := func(i int, digest string, ids ...string) *verdict.Runs {
		s := begin(ids...)
		s.events[0].RunStart.Identity.Shard = &journal.Shard{Index: i, Of: 2, Plan: digest}
		for _, id := range ids {
			s.saw(id, journal.Held)
		}
		return verdict.Collate(slices.Values(s.end()))
	}
	digest := plan.Digest("c", []string{index[0].ID, index[1].ID, index[2].ID})
	for name, tc := range map[string]struct {
		shards []*verdict.Runs
		want   int
	}{
		"as planned":            {[]*verdict.Runs{shard(1, digest, index[0].ID), shard(2, digest, index[1].ID, index[2].ID)}, 0},
		"a case too few":        {[]*verdict.Runs{shard(1, digest, index[0].ID), shard(2, digest, index[1].ID)}, 4},
		"a case too many":       {[]*verdict.Runs{shard(1, digest, index[0].ID, index[3].ID), shard(2, digest, index[1].ID, index[2].ID)}, 4},
		"a case in both":        {[]*verdict.Runs{shard(1, digest, index[0].ID, index[1].ID), shard(2, digest, index[1].ID, index[2].ID)}, 4},
		"a shard beyond its n":  {[]*verdict.Runs{shard(1, digest, index[0].ID), shard(3, digest, index[1].ID, index[2].ID)}, 4},
		"a shard that is no. 0": {[]*verdict.Runs{shard(0, digest, index[0].ID), shard(2, digest, index[1].ID, index[2].ID)}, 4},
	} {
		all, err := verdict.Join(tc.shards...)
		if err != nil {
			t.Fatal(err)
		}
		m := verdict.Build(c, index, all, nil, now)
		if got := verdict.Exit(m, verdict.Any); got != tc.want {
			t.Errorf("%s: exit code %d, want %d; %v", name, got, tc.want, m.Problems)
		}
	}
}
