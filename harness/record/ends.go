package record

import (
	"slices"
	"strings"
)

// Texts are cut before they come to a redactor, outside the secrets that lie there.

// Before is where a line is cut that is to have at most so many octets.
func (r *Record) Before(line string, at int) int {
	start, _ := r.redactor().Outside(line, at)
	return start
}

// EndOf shows the end of what was printed, if anything was, for a violation's "actual".
// Each channel has a share of its own, the first one the largest: what talks much on one
// does not push out the reason, which stands on another.
func (r *Record) EndOf(channels ...string) string {
	limit := 1200
	var ends []string
	for _, output := range channels {
		ends = append(ends, r.tail(output, limit))
		limit = 800
	}
	if shown := Join(ends...); shown != "" {
		return "\nend of its output:\n" + shown
	}
	return ""
}

// End is the end of a text, where the cause of a failure usually stands, in whole
// Lines where it has any.
func (r *Record) End(text string) string {
	const limit = 1500
	switch {
	case text == "":
		return "(nothing)"
	case len(text) <= limit:
		return text
	}
	return "...\n" + r.tail(text, limit)
}

// tail is the last lines of a text that have at most so many octets together; of a
// single longer line its end.
func (r *Record) tail(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	_, from := r.redactor().Outside(text, len(text)-limit)
	cut := text[from:]
	if text[from-1] == '\n' {
		return cut
	}
	if _, whole, ok := strings.Cut(cut, "\n"); ok && whole != "" {
		return whole
	}
	return strings.ToValidUTF8(cut, "")
}

// Join makes one text of what came on several channels, without those on which nothing did.
func Join(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	for i, part := range parts {
		parts[i] = strings.TrimSuffix(part, "\n")
	}
	return strings.Join(parts, "\n")
}
