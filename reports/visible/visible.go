// Package visible makes hostile text safe to look at. Text of the implementation
// under test may hold terminal escapes, bidirectional controls and invisible
// characters; here they become visible escapes, so that what is shown is what is
// there. It does not escape for HTML, XML or a shell: that is the business of the
// one who writes those.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text keeps line breaks and tabs and escapes every other character that has no
// shape of its own: \x1b, \u202e, \U000e0041. Octets that are no UTF-8 become \xff.
func Text(s string) string { return escape(s, "\n\t") }

// Line is Text on a single line.
func Line(s string) string { return escape(s, "") }

// Short is Line, cut to at most n characters with an ellipsis.
func Short(s string, n int) string {
	line := Line(s)
	if utf8.RuneCountInString(line) <= n {
		return line
	}
	return string([]rune(line)[:max(0, n-1)]) + "…"
}

var named = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, 0: `\0`}

func escape(s, keep string) string {
	var out strings.Builder
	for i, width := 0, 0; i < len(s); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case unicode.IsGraphic(r) || strings.ContainsRune(keep, r):
			out.WriteRune(r)
		case named[r] != "":
			out.WriteString(named[r])
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String()
}
