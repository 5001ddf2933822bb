package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestShardsKeepTheOrderAndWeighTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := rapid.SliceOfN(rapid.Custom(drawCase), 0, 30).Draw(t, "cases")
		for i := range cases {
			cases[i].Area = string(rune('A' + i)) // tells equal cases apart and holds the order
		}
		n := rapid.IntRange(1, 12).Draw(t, "n")
		var heaviest, lightest, biggest int64 = 0, 1 << 60, 0
		for i := 1; i <= n; i++ {
			var load int64
			last := ""
			for _, c := range (Shard{i, n}).Take(cases) {
				if c.Area <= last {
					t.Fatalf("case %s stands out of order", c.Area)
				}
				last = c.Area
				load += max(c.BudgetMS, 1)
				biggest = max(biggest, c.BudgetMS, 1)
			}
			heaviest, lightest = max(heaviest, load), min(lightest, load)
		}
		if heaviest-lightest > biggest {
			t.Fatalf("shards differ by %d, more than the longest case with %d", heaviest-lightest, biggest)
		}
	})
}

func TestShardIsWrittenInOneWay(t *testing.T) {
	for _, text := range []string{"", "1", "/", "0/3", "4/3", "x", "x/3", "1/x", "1/0", "-1/2", "1/-2", "1/3/4", "+1/3", "01/3", "1 /3", "1/1001", "1/99999999999999999999"} {
		if s, err := ParseShard(text); !errors.Is(err, ErrShard) {
			t.Errorf("%q: got %v, %v, want a refusal", text, s, err)
		}
	}
	for _, text := range []string{"1/1", "1/3", "3/3", "1000/1000"} {
		if s, err := ParseShard(text); err != nil || s.String() != text {
			t.Errorf("%q: got %q, %v", text, s, err)
		}
	}
}

// Every machine takes the same cases for i/n, and all shards together take each case once.
func TestShardsOfAPlanAreTheWholeOfIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := rapid.SliceOfN(rapid.Custom(drawCase), 0, 30).Draw(t, "cases")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		var joined []Case
		for i := 1; i <= n; i++ {
			part := Shard{i, n}.Take(cases)
			if diff := cmp.Diff(part, Shard{i, n}.Take(slices.Clone(cases))); diff != "" {
				t.Fatalf("not the same again:\n%s", diff)
			}
			if (len(part) == 0) != (i > len(cases)) {
				t.Fatalf("shard %d of %d has %d of %d cases", i, n, len(part), len(cases))
			}
			joined = append(joined, part...)
		}
		id := func(a, b Case) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		whole := slices.SortedFunc(slices.Values(cases), id)
		slices.SortFunc(joined, id)
		if diff := cmp.Diff(whole, joined); diff != "" && len(cases) > 0 {
			t.Fatalf("not the whole plan:\n%s", diff)
		}
	})
}

func TestPlansAreToldApartByTheirDigest(t *testing.T) {
	seen := map[string]bool{}
	for _, plan := range [][]string{{}, {"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a,b"}, {"", "ab"}} {
		for _, version := range []string{"", "a", "1"} {
			digest := Digest(version, plan)
			if seen[digest] {
				t.Errorf("%q %q has the digest of another plan", version, plan)
			}
			seen[digest] = true
		}
	}
	if Digest("1", []string{"a", "b"}) != Digest("1", []string{"b", "a"}) {
		t.Error("the order of the cases makes another plan")
	}
}
