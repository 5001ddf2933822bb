package expect

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// Suggest writes an entry for an unexpected end of a case, ready to be pasted
// below the others. Its reason is one that Read refuses until a person has
// written a better one.
//
// The pattern holds the sentence and one line of what was seen, each as a whole
// line, so that another sentence, or the same one with something else seen, stays
// unexpected. What differs between two runs is left open; see slots.
func Suggest(c plan.Case, o journal.Observation) string {
	e := Entry{Case: c.ID, Role: c.Role, Actual: ChangeMe, Reason: ChangeMe, Cause: Implementation}
	if o.Outcome != journal.Violated {
		e.Outcome = o.Outcome
		e.Cause = Gap
	}
	says, said := sentence(o.Says)
	actual, saw := evidence(o.Actual)
	if !said && !saw {
		actual, saw = sentence(o.Actual + "\n" + o.Expected)
	}
	switch {
	case said && saw:
		e.Actual = "(?ms)" + says + ".*" + actual
	case said:
		e.Actual = "(?m)" + says
	case saw:
		e.Actual = "(?m)" + actual
	}
	body, err := yaml.Dump([]Entry{e}, yaml.WithLineWidth(-1))
	if err != nil {
		panic(err) // strings only: cannot fail
	}
	return string(body)
}

// sentence is the pattern of the first line with something printable in it.
func sentence(text string) (pattern string, ok bool) {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.ContainsFunc(line, printable) {
			pattern, _ := generalised(line)
			return pattern, pattern != ""
		}
	}
	return "", false
}

// evidence is the pattern of the line of an observation's "actual" that is most
// likely to be there again: the first one in which nothing varies, else the first.
// A line that ends with a colon introduces what follows, the output of a program
// mostly, of which nobody knows what varies; and a line with a time in it was
// logged.
func evidence(text string) (pattern string, ok bool) {
	for line := range strings.SplitSeq(text, "\n") {
		switch open, found := generalised(line); {
		case strings.HasSuffix(line, ":"), line == "...":
			return pattern, ok
		case !strings.ContainsFunc(line, printable), open == "", slices.Contains(found, moment):
		case len(found) == 0:
			return open, true
		case !ok:
			pattern, ok = open, true
		}
	}
	return pattern, ok
}

func printable(r rune) bool { return unicode.IsPrint(r) && r != ' ' && r != unicode.ReplacementChar }

const (
	suggested = 100 // runes of a line that a pattern quotes
	longest   = 400 // runes of one word, which is never cut
)

// generalised is the pattern of a whole line, or, when it is long, of its
// beginning up to the end of a word; and the kinds of what is left open in it. It
// is "" for a line that is one endless word.
func generalised(line string) (pattern string, found []kind) {
	const enough = 10 * suggested // octets; a pattern of the whole line would be longer than it may be
	p, room, end := "^", suggested, "$"
	if len(line) > enough {
		line, end = strings.ToValidUTF8(line[:enough], ""), ""
	}
	for _, piece := range pieces(line) {
		if piece.kind == literal && len([]rune(piece.text)) > room {
			text, ok := beginning(piece.text, room)
			if !ok && p == "^" {
				return "", nil
			}
			return p + quote(text), found
		}
		if room -= len([]rune(piece.text)); room < 0 && p != "^" {
			return p, found
		}
		if piece.kind == literal {
			p += quote(piece.text)
			continue
		}
		p += piece.open
		found = append(found, piece.kind)
	}
	return p + end, found
}

// beginning cuts a text behind the last word that ends within so many runes, at a
// blank if there is one. Where the first word alone is longer, it is kept whole.
func beginning(text string, room int) (string, bool) {
	runes := []rune(text)
	for at := min(room, len(runes)); at > 0; at-- {
		if runes[at-1] == ' ' {
			return string(runes[:at]), true
		}
	}
	for at := room; at > 0; at-- {
		if between(runes, at) {
			return string(runes[:at]), true
		}
	}
	for at := room + 1; at < min(len(runes), longest); at++ {
		if between(runes, at) {
			return string(runes[:at]), true
		}
	}
	return "", false
}

// between says whether a text may be parted there: not within a word, and not
// behind a backslash, which may escape what follows.
func between(runes []rune, at int) bool {
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	if at >= len(runes) {
		return true
	}
	return runes[at-1] != '\\' && !(word(runes[at-1]) && word(runes[at]))
}

// quote is a regular expression for the text, and for what YAML or an editor
// would not carry unchanged.
func quote(s string) string {
	var q strings.Builder
	for _, r := range s {
		if r == ' ' || printable(r) {
			q.WriteString(regexp.QuoteMeta(string(r)))
		} else {
			q.WriteString(`[\s\S]`)
		}
	}
	return q.String()
}
