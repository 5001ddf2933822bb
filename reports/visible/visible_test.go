package visible_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/understudy-conformance/understudy/reports/visible"
)

func TestWhatHasNoShapeBecomesVisible(t *testing.T) {
	for _, tc := range []struct{ in, text, line string }{
		{"plain äß 漢 🔑", "plain äß 漢 🔑", "plain äß 漢 🔑"},
		{"a\tb\nc\r\n", "a\tb\nc\\r\n", `a\tb\nc\r\n`},
		{"\x1b[31mred\x1b[0m\a", `\x1b[31mred\x1b[0m\x07`, `\x1b[31mred\x1b[0m\x07`},
		{"user\u202etxt.exe", `user\u202etxt.exe`, `user\u202etxt.exe`},
		{"zero\u200bwidth\ufeff\u2028\u0085", `zero\u200bwidth\ufeff\u2028\u0085`, `zero\u200bwidth\ufeff\u2028\u0085`},
		{"\xff\xc3(", `\xff\xc3(`, `\xff\xc3(`},
		{"tag\U000e0041\x00\x7f", `tag\U000e0041\0\x7f`, `tag\U000e0041\0\x7f`},
		{"\ufffe\uffff", `\ufffe\uffff`, `\ufffe\uffff`},
	} {
		if got := visible.Text(tc.in); got != tc.text {
			t.Errorf("Text(%q) = %q, want %q", tc.in, got, tc.text)
		}
		if got := visible.Line(tc.in); got != tc.line {
			t.Errorf("Line(%q) = %q, want %q", tc.in, got, tc.line)
		}
	}
}

func TestShortCutsCharactersAndNotOctets(t *testing.T) {
	for _, tc := range []struct {
		in   string
		n    int
		want string
	}{{"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"x", 0, "…"}, {"", 0, ""}} {
		if got := visible.Short(tc.in, tc.n); got != tc.want {
			t.Errorf("Short(%q, %d) = %q, want %q", tc.in, tc.n, got, tc.want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\x1b]0;x\a \u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range visible.Line(s) {
			if !unicode.IsGraphic(r) {
				t.Errorf("%q still holds %U", s, r)
			}
		}
		if strings.ContainsFunc(visible.Text(s), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }) {
			t.Errorf("%q as text still holds something invisible", s)
		}
	})
}
