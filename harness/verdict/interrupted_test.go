package verdict_test

import (
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
)

func TestOfARunThatEndedEarlyNothingElseIsSaid(t *testing.T) {
	id := index[0].ID
	lost := func() *story { return begin(id).saw(id, journal.Held) } // the sandbox has no end
	for name, tc := range map[string]struct {
		events []journal.Event
		want   string
	}{
		"interrupted": {lost().add(journal.Event{RunEnd: &journal.RunEnd{Partial: true, Why: "interrupted"}}).events, "the run ended early: interrupted"},
		"killed":      {lost().events, "the run was interrupted: its end is not in the journal"},
		"to its end":  {lost().add(journal.Event{RunEnd: &journal.RunEnd{}}).events, "sandbox 1 ended without its exit record"},
	} {
		m := build(t, tc.events, "")
		var texts []string
		for _, p := range m.Problems {
			texts = append(texts, p.Text)
		}
		if got := strings.Join(texts, "\n"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
