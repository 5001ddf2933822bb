// Package printable keeps JSON in which hostile text may stand from having an effect on
// the terminal of somebody who looks at it.
package printable

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf16"
)

// JSON returns JSON in which every character that has no shape of its own, a
// bidirectional control for instance, is written as an escape, \u202e. It means the same.
func JSON(encoded []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && !unicode.IsGraphic(r) }
	if !bytes.ContainsFunc(encoded, hidden) {
		return encoded
	}
	var out bytes.Buffer
	for _, r := range string(encoded) {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r):
			out.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}
