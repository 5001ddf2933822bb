package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxShards bounds into how many shards a plan is cut: as many folders as one report joins.
const MaxShards = 1000

// ErrShard is wrapped by errors about the text of a shard.
// They do not repeat it: whoever reads it says where it stood.
var ErrShard = errors.New("no shard")

// Shard names one of the fixed parts of a plan that together are the whole of it:
// the first of three is 1/3. The zero Shard stands for the whole plan.
type Shard struct {
	Index int // from 1 to Of
	Of    int
}

// ParseShard reads i/n.
func ParseShard(text string) (Shard, error) {
	index, of, slash := strings.Cut(text, "/")
	i, iErr := number(index)
	n, nErr := number(of)
	switch {
	case !slash || iErr != nil || nErr != nil:
		return Shard{}, fmt.Errorf("%w: write i/n, 1/3 for the first of three", ErrShard)
	case n < 1 || n > MaxShards:
		return Shard{}, fmt.Errorf("%w: a plan has 1 to %d shards", ErrShard, MaxShards)
	case i < 1 || i > n:
		return Shard{}, fmt.Errorf("%w: shards are counted from 1: 1/%d to %d/%d", ErrShard, n, n, n)
	}
	return Shard{i, n}, nil
}

// number reads a number in the one way in which it is written.
func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && strconv.Itoa(n) != text {
		err = ErrShard
	}
	return n, err
}

// String returns i/n, or "" of the whole plan.
func (s Shard) String() string {
	if s == (Shard{}) {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Of)
}

// Part says whether the shard is less than the whole plan.
func (s Shard) Part() bool { return s.Of > 1 }

// Words names the shard in a sentence.
func (s Shard) Words() string { return fmt.Sprintf("shard %d of %d", s.Index, s.Of) }

// Take returns the cases of the shard: all of the zero Shard, none where there are more shards than cases.
func (s Shard) Take(cases []Case) []Case {
	if s == (Shard{}) {
		return cases
	}
	return shares(cases, s.Of)[s.Index-1]
}

// Digest tells plans apart: by the version of the catalogue and the ids of their cases, in whatever order.
func Digest(catalogue string, ids []string) string {
	sum := sha256.New()
	for _, word := range append([]string{catalogue}, slices.Sorted(slices.Values(ids))...) {
		fmt.Fprintf(sum, "%d:%s\n", len(word), word)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// shares divides the cases into n so that the sums of their budgets are close. Every case is in exactly
// one, and within one the order of the cases is kept; the last ones are empty when there are fewer cases
// than shares. The same cases and n give the same shares on every machine: what was measured has no say.
func shares(cases []Case, n int) [][]Case {
	order := make([]int, len(cases)) // indices, longest budget first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cases[b].BudgetMS, cases[a].BudgetMS) })
	chosen := make([][]int, n)
	load := make([]int64, n)
	for _, i := range order {
		least := 0
		for s := range load {
			if load[s] < load[least] {
				least = s
			}
		}
		chosen[least] = append(chosen[least], i)
		load[least] += max(cases[i].BudgetMS, 1)
	}
	result := make([][]Case, n)
	for s, indices := range chosen {
		slices.Sort(indices)
		for _, i := range indices {
			result[s] = append(result[s], cases[i])
		}
	}
	return result
}
