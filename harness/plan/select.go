package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/nearest"
)

// ErrSelection is wrapped by the error of a selection that names something
// unknown or selects nothing.
var ErrSelection = errors.New("selection")

// Selection narrows the case index. The zero Selection selects everything.
type Selection struct {
	Filter Filter
	Roles  []role.Role // none: every role
	// Profile, when not nil, tells of a requirement whether it is selected. A case is selected when it
	// verifies at least one such requirement.
	Profile func(requirement string) bool
	// Requirements are all known requirement ids, so that an id without a scenario can be told from a slip of the pen.
	Requirements []string
}

// Select returns the selected cases in the order of the index. It is an error
// when a term of the filter matches no case at all, and when nothing is left.
func (s Selection) Select(index []Case) ([]Case, error) {
	if unknown := s.Filter.Unknown(index); len(unknown) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrSelection, s.explain(unknown[0], index))
	}
	var selected []Case
	for _, c := range index {
		if s.Filter.Matches(c) && s.role(c.Role) && s.profile(c) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrSelection, s.empty(index))
	}
	return selected, nil
}

func (s Selection) role(r role.Role) bool { return len(s.Roles) == 0 || slices.Contains(s.Roles, r) }

func (s Selection) profile(c Case) bool {
	return s.Profile == nil || slices.ContainsFunc(c.Verifies, s.Profile)
}

// explain says what is wrong with a term that matches no case.
func (s Selection) explain(term string, index []Case) string {
	for _, id := range s.Requirements {
		if strings.EqualFold(id, term) {
			return id + " has no scenario; \"understudy explain " + id + "\" says what it asks for"
		}
	}
	if slices.ContainsFunc(s.Requirements, func(id string) bool { return strings.HasPrefix(strings.ToUpper(id), strings.ToUpper(term)) }) {
		return fmt.Sprintf("no requirement that begins with %q has a scenario: \"understudy list --requirements\" shows which do", term)
	}
	text := fmt.Sprintf("no case and no requirement matches %q", term)
	if near := nearest.Words(term, append(ids(index), s.Requirements...)); len(near) > 0 {
		return text + ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return text + ": \"understudy list\" shows all cases"
}

// empty says which condition left nothing.
func (s Selection) empty(index []Case) string {
	if len(index) == 0 {
		return "the case index is empty"
	}
	var matching []role.Role
	for _, c := range index {
		if s.Filter.Matches(c) && !slices.Contains(matching, c.Role) {
			matching = append(matching, c.Role)
		}
	}
	switch {
	case len(matching) == 0:
		return fmt.Sprintf("the filter %q excludes every case", s.Filter)
	case !slices.ContainsFunc(matching, s.role) && s.Filter.String() == "":
		return fmt.Sprintf("no case of role %s is in this version, only of role %s", role.Join(s.Roles, ", "), role.Join(matching, ", "))
	case !slices.ContainsFunc(matching, s.role):
		return fmt.Sprintf("the filter %q matches cases of role %s only, and selected is role %s", s.Filter, role.Join(matching, ", "), role.Join(s.Roles, ", "))
	}
	return "no case is left of filter, role and profile together: widen one of them"
}

// ids lists the ids of the cases and all that they verify.
func ids(index []Case) []string {
	var all []string
	for _, c := range index {
		all = append(append(all, c.ID), c.Clauses()...)
	}
	return all
}
