package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/internal/nearest"
)

func TestOnlyWhatResemblesTheWrittenWordIsSuggested(t *testing.T) {
	known := []string{"WIRE-001", "WIRE-002", "WIRE-010", "WIRE-100", "IMP-004", "WIRE-001"}
	for written, want := range map[string][]string{
		"wier-001":               {"WIRE-001"},                         // two letters, whatever their case
		"WIRE-000":               {"WIRE-001", "WIRE-002", "WIRE-010"}, // three at most, in the order in which they are known
		"WIRE-1":                 {"WIRE-001", "WIRE-010", "WIRE-100"},
		"IMP-0004":               {"IMP-004"},
		"nothing like it":        nil,
		strings.Repeat("W", 101): nil,
	} {
		if got := nearest.Words(written, known); !slices.Equal(got, want) {
			t.Errorf("nearest to %q are %q, want %q", written, got, want)
		}
	}
}
