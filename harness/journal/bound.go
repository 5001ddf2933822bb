package journal

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of the text fields of an event, in octets before the mark is added.
const (
	MaxText    = 8 << 10 // Text, Body and the fields of an Observation
	MaxShort   = 1 << 10 // Octets, commands, notes, names and values of an environment
	maxEntries = 256     // entries of an environment, groups of a process
)

// Bound makes s valid UTF-8 and at most about limit octets long. What is cut
// comes from the middle, and a mark says how much it was: the beginning and the
// end of a text tell most.
func Bound(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	head, tail := limit*3/4, len(s)-limit/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	cut := fmt.Sprintf(" …[%d octets cut]… ", tail-head)
	return strings.ToValidUTF8(s[:head]+cut+s[tail:], "\uFFFD")
}
