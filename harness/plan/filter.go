package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/internal/glob"
)

// Filter selects cases by id. It is a comma list of terms:
//
//  1. A term is compared with the case id and with every id that the case
//     verifies, clauses included; small and capital letters are the same. One match is enough.
//  2. A term without * or ? matches what begins with it: IMP-0, imp-003/runner.
//  3. A term with * or ? must match as a whole; * stands for any text, slashes
//     included, ? for one character.
//  4. A term after ! excludes. What is excluded stays out, whatever else matches
//     and in whatever order.
//  5. Without a term that includes, everything not excluded is selected. The
//     empty filter selects everything.
type Filter struct {
	include, exclude []string // as written
	text             string
}

// ErrFilter is wrapped by errors about the text of a filter.
var ErrFilter = errors.New("filter")

// ParseFilter reads a filter; it need not match anything.
func ParseFilter(text string) (Filter, error) {
	f := Filter{text: text}
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	for term := range strings.SplitSeq(text, ",") {
		term = strings.TrimSpace(term)
		pattern, excludes := strings.CutPrefix(term, "!")
		switch {
		case term == "":
			return Filter{}, fmt.Errorf("%w %q: a term is empty: remove a comma", ErrFilter, text)
		case pattern == "" || strings.HasPrefix(pattern, "!"):
			return Filter{}, fmt.Errorf("%w %q: write one ! directly before what is excluded", ErrFilter, text)
		case excludes:
			f.exclude = append(f.exclude, pattern)
		default:
			f.include = append(f.include, pattern)
		}
	}
	return f, nil
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// Matches reports whether the filter selects the case.
func (f Filter) Matches(c Case) bool {
	return (len(f.include) == 0 || anyTerm(f.include, c)) && !anyTerm(f.exclude, c)
}

// Unknown lists the terms that match none of the cases, those that exclude included.
func (f Filter) Unknown(cases []Case) []string {
	var unknown []string
	for _, term := range slices.Concat(f.include, f.exclude) {
		if !slices.ContainsFunc(cases, func(c Case) bool { return matchesTerm(term, c) }) {
			unknown = append(unknown, term)
		}
	}
	return unknown
}

func anyTerm(terms []string, c Case) bool {
	return slices.ContainsFunc(terms, func(term string) bool { return matchesTerm(term, c) })
}

func matchesTerm(term string, c Case) bool {
	if matchesID(term, c.ID) {
		return true
	}
	return slices.ContainsFunc(c.Clauses(), func(id string) bool { return matchesID(term, id) })
}

func matchesID(term, id string) bool {
	term, id = strings.ToLower(term), strings.ToLower(id)
	if !strings.ContainsAny(term, "*?") {
		return strings.HasPrefix(id, term)
	}
	return glob.Match(term, id)
}
