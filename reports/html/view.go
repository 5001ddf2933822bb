package html

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// view is what the template shows. Its text is visible already; the template
// escapes it for HTML.
type view struct {
	Policy         string
	Style, Script  template.HTML
	Name, Headline string
	Tone           words.Tone
	Sub            string
	Unfinished     bool // what stands there is planned, and has not failed
	Partial        []string
	Problems       []problem
	Profiles       []profile
	Summary        []pair
	Failures       []failure
	Known          []failure
	Command        string
	Roles          []role.Role
	Columns        int // of the requirement table
	Requirements   int
	Areas          []area
	CaseAreas      []caseArea
	Chips          []chip
	About          []pair
	Sandboxes      []sandbox
	Controls       []control
	Chunks         []template.HTML
}

type pair struct{ Name, Value string }

type problem struct{ Kind, Case, Link, Text, Pattern, Seen string }

type profile struct {
	Title, Headline string
	Tone            words.Tone
	Holds, Total    int
	Rest, Tested    string
	Segments        []segment
}

type segment struct {
	Tone  words.Tone
	Width float64 // percent
}

type failure struct {
	Verdict                    verdict.Verdict
	Requirement, Case, Link    string
	Says, Area, Level, Profile string
	Role                       role.Role
	Claim                      string // what the case says should happen
	Expected, Actual           string // one short line each, both or none
	Reason, Issue              string
}

type chip struct {
	Verdict verdict.Verdict
	Count   int
}

type sandbox struct {
	Number  int
	Started string
	Ended   bool
	Facts   []pair
}

type control struct {
	Role role.Role
	Says string
	Held bool
}

func viewOf(m verdict.Model) view {
	headline, tone := words.Headline(m.Answer(verdict.Any))
	v := view{
		Policy:   policy(),
		Style:    template.HTML("<style>\n" + css + "</style>"), //nolint:gosec // our own file
		Script:   template.HTML("<script>" + js + "</script>"),  //nolint:gosec // our own file
		Name:     visible.Short(strings.TrimSpace(m.Identity.Implementation+" "+m.Identity.Version), 120),
		Headline: headline, Tone: tone, Sub: subtitle(m),
		Unfinished:   m.Unfinished,
		Command:      visible.Line(verdict.Pasted(m.Identity.Command)),
		Roles:        role.All(),
		Requirements: len(m.Requirements),
	}
	v.Columns = 3 + len(v.Roles) // id, requirement and level before them
	if v.Name == "" {
		v.Name = "An implementation without a name"
	}
	for _, why := range words.Partial(m) {
		v.Partial = append(v.Partial, visible.Line(why))
	}
	cases := map[string]bool{}
	for _, c := range m.Cases {
		cases[c.ID] = true
	}
	for _, p := range m.Problems {
		out := problem{Kind: string(p.Kind), Case: visible.Line(p.Case), Text: visible.Short(p.Text, 600)}
		if cases[p.Case] {
			out.Link = link(p.Case)
		}
		if p.Seen != "" {
			out.Pattern, out.Seen = visible.Line(p.Pattern), visible.Text(p.Seen)
		}
		v.Problems = append(v.Problems, out)
	}
	for _, p := range m.Profiles {
		v.Profiles = append(v.Profiles, profileOf(m, p))
	}
	v.Summary = summary(m)
	v.findings(m)
	v.Areas = areasOf(m)
	v.CaseAreas, v.Chips = casesOf(m)
	v.about(m)
	return v
}

// subtitle says as what, where and when the implementation was tested.
func subtitle(m verdict.Model) string {
	var parts []string
	if len(m.Identity.Roles) > 0 {
		parts = append(parts, "as "+role.Join(m.Identity.Roles, ", "))
	}
	where := m.Identity.Sandbox
	if place := human.Place(m.Environment); place != "" {
		where += " (" + place + ")"
	}
	if where != "" {
		parts = append(parts, where)
	}
	parts = append(parts, human.Moment(m.Started))
	if d := m.Ended.Sub(m.Started); !m.Started.IsZero() && d > 0 {
		parts = append(parts, human.Duration(d))
	}
	return visible.Line(strings.Join(parts, " · "))
}

func profileOf(m verdict.Model, p verdict.Profile) profile {
	headline, tone := words.Headline(m.Answer(p.Name))
	out := profile{
		Title: strings.ToUpper(string(p.Name[:1])) + string(p.Name[1:]), Headline: headline, Tone: tone,
		Holds: p.Holds(), Total: p.Total, Rest: words.Rest(p), Tested: words.Tested(p),
	}
	byTone := map[words.Tone]int{}
	for v, n := range p.Counts {
		byTone[words.ToneOf(v)] += n
	}
	for _, tone := range []words.Tone{words.Good, words.Bad, words.Caution, words.Neutral} {
		if n := byTone[tone]; n > 0 && p.Total > 0 {
			out.Segments = append(out.Segments, segment{tone, 100 * float64(n) / float64(p.Total)})
		}
	}
	return out
}

// summary tells the size of the run.
func summary(m verdict.Model) []pair {
	counts := map[verdict.Verdict]int{}
	var slowest verdict.Case
	for _, c := range m.Cases {
		counts[c.Verdict]++
		if c.Duration > slowest.Duration {
			slowest = c
		}
	}
	var parts []string
	for _, v := range verdict.All() {
		if n := counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	pairs := []pair{{human.Count(len(m.Cases), "case"), strings.Join(parts, ", ")}}
	if slowest.ID != "" {
		pairs = append(pairs, pair{"Slowest", visible.Line(slowest.ID) + ", " + human.Duration(slowest.Duration)})
	}
	return pairs
}

// findings sorts the cases that need attention before those that are known.
func (v *view) findings(m verdict.Model) {
	for _, grave := range verdict.All() {
		for _, c := range m.Cases {
			if c.Verdict != grave {
				continue
			}
			switch {
			case c.Verdict.Unexpected():
				v.Failures = append(v.Failures, failureOf(c))
			case len(c.Known) > 0:
				v.Known = append(v.Known, failureOf(c))
			}
		}
	}
}

func failureOf(c verdict.Case) failure {
	f := failure{
		Verdict: c.Verdict, Requirement: c.Requirement, Case: visible.Line(c.ID), Link: link(c.ID),
		Says: visible.Short(c.Observation.Says, 240), Role: c.Role, Area: c.Area, Level: string(c.Level), Profile: string(c.Profile),
	}
	if c.Verdict == verdict.UnexpectedPass {
		f.Says = "Listed as a known deviation, and holds: remove the entry."
	}
	if f.Claim = visible.Short(c.Says, 240); f.Says == "" {
		f.Says, f.Claim = f.Claim, ""
	}
	expected, actual := visible.Line(strings.TrimSpace(c.Observation.Expected)), visible.Line(strings.TrimSpace(c.Observation.Actual))
	if c.Verdict != verdict.UnexpectedPass && expected != "" && actual != "" && max(len(expected), len(actual)) <= 90 {
		f.Expected, f.Actual = expected, actual
	}
	if len(c.Known) > 0 {
		f.Reason, f.Issue = visible.Short(c.Known[0].Reason, 240), c.Known[0].Issue
	}
	return f
}

func (v *view) about(m verdict.Model) {
	id := m.Identity
	for _, p := range []pair{
		{"Implementation", strings.TrimSpace(id.Implementation + " " + id.Version)},
		{"Manifest", id.Manifest},
		{"Suite", strings.TrimSpace("Understudy " + id.Suite + " " + id.Commit)},
		{"Catalogue", id.Catalogue},
		{"Roles", role.Join(id.Roles, ", ")},
		{"Sandbox", id.Sandbox},
		{"Filter", id.Filter},
		{"Shard", shard(id)},
		{"Run", id.RunID},
		{"Started", human.Moment(m.Started)},
	} {
		if p.Value != "" {
			v.About = append(v.About, pair{p.Name, visible.Short(p.Value, 300)})
		}
	}
	for _, run := range m.Joined {
		v.About = append(v.About, pair{visible.Short(strings.TrimSpace("Joined run "+run.RunID+" "+shard(run)), 80), visible.Short(verdict.Pasted(run.Command), 300)})
	}
	for _, s := range m.Sandboxes {
		out := sandbox{Number: s.Number, Started: human.Moment(s.Started), Ended: s.Ended}
		for name, value := range s.Environment {
			out.Facts = append(out.Facts, pair{visible.Short(name, 80), visible.Short(value, 300)})
		}
		slices.SortFunc(out.Facts, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
		v.Sandboxes = append(v.Sandboxes, out)
	}
	for _, c := range m.Controls {
		v.Controls = append(v.Controls, control{c.Role, visible.Short(c.Observation.Says, 300), c.Observation.Outcome == "held"})
	}
}

func shard(id verdict.Identity) string {
	if id.Shard == nil {
		return ""
	}
	return fmt.Sprintf("%d of %d", id.Shard.Index, id.Shard.Of)
}

// link is the anchor of a case.
func link(id string) string { return "#case=" + id }

func since(start, at time.Time) time.Duration { return max(0, at.Sub(start)) }
