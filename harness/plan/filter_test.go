package plan

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/role"
)

var index = []Case{
	{ID: "WIRE-001/runner/frames", Role: role.Runner, Verifies: []string{"WIRE-001", "WIRE-002"}, BudgetMS: 1000},
	{ID: "IMP-003/runner/own-user", Role: role.Runner, Verifies: []string{"IMP-003"}, BudgetMS: 5000},
	{ID: "IMP-003/worker/own-user", Role: role.Worker, Verifies: []string{"IMP-003", "LIFE-001"}, BudgetMS: 5000},
	{ID: "IMP-010/worker/markers", Role: role.Worker, Verifies: []string{"IMP-010"}, BudgetMS: 2000},
}

func TestFilterSelects(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   []string
	}{
		{"", []string{"WIRE-001/runner/frames", "IMP-003/runner/own-user", "IMP-003/worker/own-user", "IMP-010/worker/markers"}},
		{"IMP-003", []string{"IMP-003/runner/own-user", "IMP-003/worker/own-user"}},
		{"imp-003/run", []string{"IMP-003/runner/own-user"}},
		{"WIRE-002", []string{"WIRE-001/runner/frames"}},
		{"LIFE", []string{"IMP-003/worker/own-user"}},
		{"*/worker/*", []string{"IMP-003/worker/own-user", "IMP-010/worker/markers"}},
		{"*worker*, !IMP-010", []string{"IMP-003/worker/own-user"}},
		{"!*/runner/*", []string{"IMP-003/worker/own-user", "IMP-010/worker/markers"}},
		{"IMP-0?0", []string{"IMP-010/worker/markers"}},
		{"!IMP-003,IMP", []string{"IMP-010/worker/markers"}},
		{"WIRE,IMP-010", []string{"WIRE-001/runner/frames", "IMP-010/worker/markers"}},
	} {
		f, err := ParseFilter(c.filter)
		if err != nil {
			t.Fatalf("%s: %v", c.filter, err)
		}
		selected, err := Selection{Filter: f}.Select(index)
		if err != nil {
			t.Fatalf("%s: %v", c.filter, err)
		}
		var got []string
		for _, kase := range selected {
			got = append(got, kase.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.filter, diff)
		}
	}
}

func TestSelectionThatNamesNothingIsAnError(t *testing.T) {
	upstream := func(id string) bool { return strings.HasPrefix(id, "WIRE") }
	for _, c := range []struct {
		name, filter string
		s            Selection
		want         string
	}{
		{"unknown id with a near one", "IMP-002/runner/own-user", Selection{}, "did you mean IMP-003/runner/own-user"},
		{"unknown requirement", "WIER-001", Selection{}, "did you mean WIRE-001"},
		{"requirement without a scenario", "SEC-001", Selection{Requirements: []string{"SEC-001"}}, "SEC-001 has no scenario"},
		{"area without a scenario", "sec", Selection{Requirements: []string{"SEC-001"}}, `no requirement that begins with "sec" has a scenario`},
		{"role without a scenario", "", Selection{Roles: []role.Role{"supervisor"}}, "no case of role supervisor"},
		{"unknown in an exclusion", "!nonsense", Selection{}, "understudy list"},
		{"unknown beside a known one", "WIRE-001,nonsense", Selection{}, `"nonsense"`},
		{"everything excluded", "!*", Selection{}, "excludes every case"},
		{"other role", "IMP-010", Selection{Roles: []role.Role{role.Runner}}, "role worker only"},
		{"other profile", "IMP-010", Selection{Profile: upstream}, "no case is left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := ParseFilter(c.filter)
			if err != nil {
				t.Fatal(err)
			}
			c.s.Filter = f
			_, err = c.s.Select(index)
			if !errors.Is(err, ErrSelection) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestSelectionNarrowsByProfile(t *testing.T) {
	s := Selection{Profile: func(id string) bool { return id == "LIFE-001" }}
	selected, err := s.Select(index)
	if err != nil || len(selected) != 1 || selected[0].ID != "IMP-003/worker/own-user" {
		t.Errorf("got %v, %v", selected, err)
	}
}

func TestFilterSyntax(t *testing.T) {
	for _, text := range []string{",", "IMP,", "IMP,,WIRE", "!", "!!IMP", "IMP, ,x"} {
		if _, err := ParseFilter(text); !errors.Is(err, ErrFilter) {
			t.Errorf("%q: got %v, want a syntax error", text, err)
		}
	}
}

func drawCase(t *rapid.T) Case {
	id := rapid.StringMatching(`(WIRE|IMP|LIFE)-0[0-9]{2}`)
	verifies := rapid.SliceOfN(id, 1, 3).Draw(t, "verifies")
	r := rapid.SampledFrom([]role.Role{role.Runner, role.Worker, role.Supervisor}).Draw(t, "role")
	slug := rapid.StringMatching(`[a-z]{1,5}(-[a-z]{1,5})?`).Draw(t, "slug")
	budget := rapid.Int64Range(0, 60000).Draw(t, "budget")
	return Case{ID: verifies[0] + "/" + string(r) + "/" + slug, Role: r, Verifies: verifies, BudgetMS: budget}
}

// drawTerm makes a term out of a case id, so that matches are frequent.
func drawTerm(t *rapid.T, c Case) string {
	id := rapid.SampledFrom(append([]string{c.ID}, c.Verifies...)).Draw(t, "of")
	cut := rapid.IntRange(1, len(id)).Draw(t, "cut")
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return id[:cut]
	case 1:
		return id[:cut] + "*"
	case 2:
		return "*" + id[cut-1:]
	}
	return strings.ToLower(id[:cut-1]) + "?" + id[cut:]
}

func mustParse(t *rapid.T, text string) Filter {
	f, err := ParseFilter(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return f
}

// The laws of the algebra: what a term says does not depend on its company.
func TestFilterLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, other := drawCase(t), drawCase(t)
		term := drawTerm(t, c)
		one := mustParse(t, term)
		if !one.Matches(c) {
			t.Fatalf("%q, made of %s, does not match it", term, c.ID)
		}
		if mustParse(t, "!"+term).Matches(other) == one.Matches(other) {
			t.Fatalf("%q and its exclusion agree on %s", term, other.ID)
		}
		more := drawTerm(t, other)
		both := mustParse(t, term+","+more)
		if got := both.Matches(other); !got || both.Matches(c) != (one.Matches(c) || mustParse(t, more).Matches(c)) {
			t.Fatalf("%q,%q is not the union", term, more)
		}
		terms := []string{term, more, "!" + drawTerm(t, other)}
		if mustParse(t, strings.Join(terms, ",")).Matches(other) {
			t.Fatalf("%q selects %s, which it excludes", terms, other.ID)
		}
		before := mustParse(t, strings.Join(terms, ","))
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(terms), func(i, j int) { terms[i], terms[j] = terms[j], terms[i] })
		after := mustParse(t, strings.Join(terms, " , "))
		for _, kase := range []Case{c, other} {
			if before.Matches(kase) != after.Matches(kase) {
				t.Fatalf("the order of %q matters for %s", terms, kase.ID)
			}
		}
		if !mustParse(t, "*").Matches(c) || !mustParse(t, "").Matches(c) {
			t.Fatalf("* or the empty filter miss %s", c.ID)
		}
	})
}

func TestFilterOfAnyTextDoesNotPanic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "filter")
		f, err := ParseFilter(text)
		if err != nil {
			return
		}
		f.Matches(index[0])
		if _, err := (Selection{Filter: f}).Select(index); err != nil && !errors.Is(err, ErrSelection) {
			t.Fatalf("unexpected error %v", err)
		}
	})
}
