package ordered_test

import (
	"slices"
	"testing"

	"github.com/understudy-conformance/understudy/internal/ordered"
)

func TestPairsComeSortedAndEndWhenTheyShould(t *testing.T) {
	m := map[string]int{"c": 3, "a": 1, "b": 2}
	var got []string
	for key, value := range ordered.Pairs(m) {
		if m[key] != value {
			t.Errorf("%s: %d", key, value)
		}
		if got = append(got, key); key == "b" {
			break
		}
	}
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}
