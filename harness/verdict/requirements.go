package verdict

import (
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// requirements computes the verdict of every row of the catalogue.
func (b *builder) requirements() {
	for _, r := range b.catalogue.All() {
		b.model.Requirements = append(b.model.Requirements, b.requirement(r))
	}
}

func (b *builder) requirement(r *catalogue.Requirement) Requirement {
	out := Requirement{Requirement: r, Roles: map[plan.Role]Verdict{}}
	byRole := map[plan.Role][]Verdict{}
	var all []Verdict
	for _, kase := range b.model.Cases {
		if !contains(kase.Verifies, r.ID) {
			continue
		}
		v := shows(kase, r.ID)
		out.Cases = append(out.Cases, kase.ID)
		byRole[kase.Role] = append(byRole[kase.Role], v)
		all = append(all, v)
		if v == NotApplicable && out.Reason == "" {
			out.Reason = kase.Observation.Says
		}
	}
	for role, verdicts := range byRole {
		out.Roles[role] = gravest(verdicts...)
	}
	if len(all) > 0 {
		out.Verdict = gravest(all...)
		if out.Verdict != NotApplicable {
			out.Reason = ""
		}
		return out
	}
	out.Verdict, out.Reason = b.uncovered(r)
	return out
}

// shows is what one case says about one of the requirements that it verifies.
func shows(kase Case, id string) Verdict {
	violated := kase.Observation.Outcome == journal.Violated && kase.Verdict != HarnessError
	if violated && kase.Requirement != id {
		return NotShown
	}
	return kase.Verdict
}

// uncovered tells why no case of this run verifies the requirement.
func (b *builder) uncovered(r *catalogue.Requirement) (Verdict, string) {
	if r.Untestable != "" {
		return Untestable, r.Untestable
	}
	var exists, offered bool
	var roles []string
	for _, kase := range b.index {
		if !contains(kase.Verifies, r.ID) {
			continue
		}
		exists = true
		if len(b.model.Identity.Roles) == 0 || contains(b.model.Identity.Roles, string(kase.Role)) {
			offered = true
		} else if !contains(roles, string(kase.Role)) {
			roles = append(roles, string(kase.Role))
		}
	}
	switch {
	case !exists:
		return Untested, "no scenario verifies it yet"
	case !offered:
		return NotApplicable, "seen in role " + strings.Join(roles, " or ") + " only, which the implementation does not play"
	}
	return Untested, "not selected in this run"
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
			}
		}
		for _, kase := range m.Cases {
			if m.within(kase, name) {
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
