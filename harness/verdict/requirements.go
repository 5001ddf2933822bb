package verdict

import (
	"fmt"
	"slices"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
)

// requirements computes the verdict of every row of the catalogue.
func (b *builder) requirements() {
	for _, r := range b.catalogue.All() {
		b.model.Requirements = append(b.model.Requirements, b.requirement(r))
	}
}

func (b *builder) requirement(r *catalogue.Requirement) Requirement {
	out := Requirement{Requirement: r, Roles: map[role.Role]Verdict{}}
	for _, c := range r.Clauses {
		part := Clause{Clause: c, Verdict: Untested, Roles: map[role.Role]Verdict{}}
		for _, s := range b.shown[c.ID] {
			if s.id != "" && !slices.Contains(out.Cases, s.id) {
				out.Cases = append(out.Cases, s.id)
			}
			if s.verdict == NotApplicable && out.Says == "" {
				out.Says = s.says
			}
			part.Roles[s.role] = gravest(part.Roles[s.role], s.verdict)
			part.Verdict = gravest(part.Verdict, s.verdict)
		}
		out.Clauses = append(out.Clauses, part)
	}
	for _, part := range out.Clauses {
		for in := range part.Roles {
			out.Roles[in] = ofRole(out.Clauses, in)
			out.Verdict = gravest(out.Verdict, out.Roles[in])
		}
	}
	if len(out.Roles) == 0 {
		b.uncovered(&out)
		return out
	}
	out.Covered = true
	if out.Verdict != NotApplicable {
		out.Says = ""
	}
	return out
}

// ofRole is what the clauses that can be seen in a role say of their requirement: the
// gravest of them, but it holds only if each of them does. One that is nothing for the
// implementation says nothing beside others.
func ofRole(clauses []Clause, in role.Role) Verdict {
	all := []Verdict{}
	shown := true
	for _, c := range clauses {
		v, judged := c.Roles[in]
		if judged {
			all = append(all, v)
		}
		if seen := judged || slices.Contains(c.Clause.Roles, in); seen && (!judged || v == NotShown) {
			shown = false
		}
	}
	if v := gravest(all...); v != Pass || shown {
		return v
	}
	return PartlyHeld
}

// shown is what one case says about one of the clauses that it verifies.
type shown struct {
	id      string // "" of a case that is not listed
	role    role.Role
	verdict Verdict
	says    string
}

// show notes what the case says about each of its clauses.
func (b *builder) show(kase Case, listed bool) {
	violated := kase.Observation.Outcome == journal.Violated && kase.Verdict != HarnessError
	for i, id := range kase.Clauses() {
		if _, _, known := b.catalogue.Clause(id); !known || slices.Contains(kase.Clauses()[:i], id) {
			continue
		}
		s := shown{role: kase.Role, verdict: kase.Verdict, says: kase.Observation.Says}
		switch {
		case !violated || kase.Observation.Clause == id:
		case kase.shows(id):
			s.verdict = Pass
		default:
			s.verdict = NotShown
		}
		if listed {
			s.id = kase.ID
		} else if last := b.shown[id]; len(last) > 0 && last[len(last)-1] == s {
			continue // further ones of many say the same
		}
		b.shown[id] = append(b.shown[id], s)
	}
}

// within lists the profiles for which what happened in the case counts. A
// violation counts for the profile of the violated requirement, everything else
// for every profile of which the case verifies a requirement, or for all when it
// verifies none that is known.
func (b *builder) within(kase Case) []catalogue.Profile {
	if kase.Observation.Outcome == journal.Violated && kase.Verdict != HarnessError && kase.Profile != "" {
		return []catalogue.Profile{kase.Profile}
	}
	var profiles []catalogue.Profile
	for _, id := range kase.Verifies {
		if r, known := b.catalogue.Get(id); known && !slices.Contains(profiles, r.Profile) {
			profiles = append(profiles, r.Profile)
		}
	}
	if len(profiles) == 0 {
		return catalogue.Profiles()
	}
	return profiles
}

// uncovered judges a requirement that no case of this run verifies.
func (b *builder) uncovered(r *Requirement) {
	offered := false
	var elsewhere []role.Role
	for _, kase := range b.index {
		switch {
		case !slices.Contains(kase.Verifies, r.ID):
		case b.played(kase.Role):
			offered = true
		case !slices.Contains(elsewhere, kase.Role):
			elsewhere = append(elsewhere, kase.Role)
		}
	}
	r.Covered = offered || len(elsewhere) > 0
	switch as := b.model.Airflow; {
	case !as.IsZero() && !r.Airflow.Holds(as):
		r.Verdict, r.Says = NotApplicable, fmt.Sprintf("it holds for Airflow %s only, and this is %s", r.Airflow, as)
	case r.Untestable != "":
		r.Verdict = Untestable
	case r.Covered && !offered:
		r.Verdict, r.Elsewhere = NotApplicable, elsewhere
	default:
		r.Verdict = Untested
	}
}

// summaries counts by profile and by area.
func (b *builder) summaries() {
	m := &b.model
	for _, name := range catalogue.Profiles() {
		p := Profile{Name: name, Counts: map[Verdict]int{}, Cases: map[Verdict]int{}}
		for _, r := range m.Requirements {
			if r.Profile == name {
				p.Total++
				p.Counts[r.Verdict]++
				for _, c := range r.Clauses {
					p.Clauses++
					if c.Tested() {
						p.Tested++
					}
				}
			}
		}
		for _, kase := range m.Cases {
			if kase.within(name) {
				p.Cases[kase.Verdict]++
			}
		}
		m.Profiles = append(m.Profiles, p)
	}
	for i, p := range m.Profiles {
		m.Profiles[i].Exit = Exit(*m, p.Name)
	}
	for _, a := range b.catalogue.Areas() {
		area := Area{Name: a.Name, Title: a.Title, Total: len(a.Requirements), Counts: map[Verdict]int{}}
		for _, r := range m.Requirements {
			if r.Area == a.Name {
				area.Counts[r.Verdict]++
			}
		}
		m.Areas = append(m.Areas, area)
	}
}
