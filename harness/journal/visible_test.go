package journal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/harness/journal"
)

func TestAJournalHoldsNothingThatCannotBeSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("a\u202e\u200b\u2066\ufeff\u009b\x7f\x1b\n\U000e0041🔑")))).Draw(t, "text")
		want := strings.ToValidUTF8(hostile, "\uFFFD")
		var out bytes.Buffer
		if err := journal.NewWriter(&out, nil).Write(journal.Event{Time: at, Step: &journal.Step{Text: hostile}}); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Fatalf("the line holds what cannot be seen: %q", line)
		}
		var e journal.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Step.Text != want {
			t.Fatalf("%q is read as %+v, %v", hostile, e.Step, err)
		}
	})
}
