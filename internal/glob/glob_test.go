package glob_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/understudy-conformance/understudy/internal/glob"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"IMP-011/*", "IMP-011/runner/x", true},
		{"*/x", "IMP-011/runner/x", true},
		{"*", "", true},
		{"IMP-0?1", "IMP-011", true},
		{"IMP-011", "IMP-011/runner/x", false},
		{"IMP-011.*", "IMP-0112", false},
		{"[a]", "[a]", true},
		{"[a]", "a", false},
		{`\*`, `\x`, true},
		{"", "x", false},
	} {
		if got := glob.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func TestATextFitsItselfWithAnyPartLeftOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, middle, after := rapid.StringMatching(`[a-z/.\\\[\]^-]*`), rapid.String(), rapid.StringMatching(`[a-z/.\\\[\]^-]*`)
		a, b, c := before.Draw(t, "before"), middle.Draw(t, "middle"), after.Draw(t, "after")
		if !glob.Match(a+"*"+c, a+b+c) {
			t.Fatalf("%q does not fit %q", a+b+c, a+"*"+c)
		}
	})
}
