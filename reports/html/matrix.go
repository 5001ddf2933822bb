package html

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// area is a group of rows of the requirement table.
type area struct {
	Name, Title, Summary string
	Rows                 []requirement
}

type requirement struct {
	verdict.Requirement
	Reason string
	Seen   []role.Role // where it can be seen
	Cells  []cell
	Parts  []verdict.Clause // of a sentence that is cut
	Cases  []shownBy
}

// shownBy is a case that verifies a requirement, with what it checked of it.
type shownBy struct {
	Name, Link string
	Checks     []check
	More       int // kinds of checks beyond those
}

// cell is what one role says about a requirement.
type cell struct {
	Verdict verdict.Verdict
	Link    string // of the case that decides; "" when there is none
	Outside bool   // not to be seen in this role
}

func areasOf(m verdict.Model) []area {
	played := m.Identity.Roles
	byID := map[string]verdict.Case{}
	for _, c := range m.Cases {
		byID[c.ID] = c
	}
	shown := 0 // requirements with cases
	for _, r := range m.Requirements {
		shown += min(len(r.Cases), 1)
	}
	room := max(minOfRow, min(maxOfRow, maxOfAll/max(shown, 1)))
	var areas []area
	for _, a := range m.Areas {
		out := area{Name: a.Name, Title: a.Title, Summary: summaryOf(a)}
		for _, r := range m.Requirements {
			if r.Area == a.Name {
				out.Rows = append(out.Rows, requirementOf(r, played, byID, room))
			}
		}
		areas = append(areas, out)
	}
	return areas
}

func summaryOf(a verdict.Area) string {
	holds := a.Counts[verdict.Pass] + a.Counts[verdict.UnexpectedPass]
	parts := []string{fmt.Sprintf("%d of %d hold", holds, a.Total)}
	for _, part := range []struct {
		n    int
		word string
	}{
		{a.Counts[verdict.Fail] + a.Counts[verdict.Warn], "violated"},
		{a.Counts[verdict.ExpectedFail] + a.Counts[verdict.ExpectedWarn], "violated as expected"},
		{a.Counts[verdict.PartlyHeld], "partly held"},
		{a.Counts[verdict.Untested], "untested"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}

// requirementOf makes a row, with room for so many lines of checks.
func requirementOf(r verdict.Requirement, played []role.Role, byID map[string]verdict.Case, room int) requirement {
	out := requirement{Requirement: r, Reason: visible.Short(words.Reason(r), 240), Seen: r.Requirement.Roles}
	for _, in := range role.All() {
		out.Cells = append(out.Cells, cellOf(r, in, played, byID))
	}
	if len(r.Clauses) > 1 {
		out.Parts = r.Clauses
	}
	for _, id := range r.Cases {
		made := checksOf(byID[id], r.ID, 100)
		kept := min(len(made), maxOfCase, room)
		if i := len(made) - 1; i >= kept && kept > 0 && !made[i].Held { // what failed is the last
			made[kept-1] = made[i]
		}
		room -= kept
		out.Cases = append(out.Cases, shownBy{visible.Line(id), link(id), made[:kept], len(made) - kept})
	}
	return out
}

func cellOf(r verdict.Requirement, in role.Role, played []role.Role, byID map[string]verdict.Case) cell {
	v, seen := r.Roles[in]
	switch {
	case seen:
	case !slices.Contains(r.Requirement.Roles, in):
		return cell{Outside: true}
	case r.Untestable != "":
		return cell{Verdict: verdict.Untestable}
	case len(played) > 0 && !slices.Contains(played, in):
		return cell{Verdict: verdict.NotApplicable}
	default:
		return cell{Verdict: verdict.Untested}
	}
	out := cell{Verdict: v}
	for _, id := range r.Cases {
		c := byID[id]
		if c.Role == in && (out.Link == "" || c.Verdict == v) {
			out.Link = link(id)
			if c.Verdict == v {
				break
			}
		}
	}
	return out
}
