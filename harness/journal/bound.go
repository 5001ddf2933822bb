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

// slack is how far a text may exceed its limit: by the mark, so that a text that
// was bounded before is not cut again.
const slack = 64

// Bound makes valid UTF-8 of s and cuts it to limit octets and a mark when it is
// longer than that by more than the mark. What is cut comes from the middle, and
// the mark says how much it was: the beginning and the end of a text tell most.
func Bound(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit+slack {
		return s
	}
	head, tail := limit*3/4, len(s)-limit/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	cut := fmt.Sprintf(" …[%d octets cut]… ", tail-head)
	return s[:head] + cut + s[tail:]
}
