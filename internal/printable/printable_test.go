package printable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/internal/printable"
)

func TestWhatHasNoShapeIsAnEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("a\u202e\u200b\u2066\ufeff\u009b\x7f\x1b\n\U000e0041🔑")))).Draw(t, "text")
		encoded, err := json.Marshal(hostile)
		if err != nil {
			t.Fatal(err)
		}
		text := string(printable.JSON(encoded))
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Fatalf("it holds what cannot be seen: %q", text)
		}
		var got string
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != strings.ToValidUTF8(hostile, "\uFFFD") {
			t.Fatalf("%q is read as %q, %v", hostile, got, err)
		}
	})
}
