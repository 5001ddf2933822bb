package journal

import (
	"maps"
	"slices"

	"github.com/understudy-conformance/understudy/harness/role"
)

// Clean returns a copy of the event whose text is redacted and then bounded: long texts
// to limit octets, names, commands and checks that held to MaxShort. What only the outer command writes
// about itself, the identity of a run, is left as it is.
func (e Event) Clean(r *Redactor, limit int) Event {
	text := func(s *string) { *s = Bound(r.Text(*s), limit) }
	brief := func(s *string) { *s = Bound(r.Text(*s), MaxShort) }
	observation := func(o *Observation) {
		text(&o.Says)
		text(&o.Expected)
		text(&o.Actual)
		o.Outcome, o.Requirement = Outcome(Bound(string(o.Outcome), MaxShort)), Bound(o.Requirement, MaxShort)
		o.Clause = Bound(o.Clause, MaxShort)
		brief(&o.Where)
		brief(&o.Capability)
	}
	brief(&e.Case)
	brief(&e.Run)
	e.RunEnd = changed(e.RunEnd, func(x *RunEnd) { text(&x.Why) })
	e.SandboxStart = changed(e.SandboxStart, func(x *SandboxStart) { x.Environment = cleanEnvironment(x.Environment, brief) })
	e.SandboxEnd = changed(e.SandboxEnd, func(x *SandboxEnd) { text(&x.Stopped) })
	e.SandboxLost = changed(e.SandboxLost, func(x *SandboxLost) { text(&x.Why) })
	e.Malformed = changed(e.Malformed, func(x *Malformed) { text(&x.Why) })
	e.Control = changed(e.Control, func(x *Control) {
		x.Role = role.Role(Bound(string(x.Role), MaxShort))
		observation(&x.Observation)
	})
	e.CaseStart = changed(e.CaseStart, func(x *CaseStart) { text(&x.Says) })
	e.Step = changed(e.Step, func(x *Step) {
		brief(&x.Who)
		text(&x.Text)
	})
	e.Frame = changed(e.Frame, func(x *Frame) {
		brief(&x.Dir)
		text(&x.Text)
		x.Octets = Bound(r.Octets(x.Octets), MaxShort)
	})
	e.HTTP = changed(e.HTTP, func(x *HTTP) {
		brief(&x.Method)
		text(&x.Path)
		text(&x.Body)
	})
	e.Log = changed(e.Log, func(x *Log) {
		brief(&x.Channel)
		text(&x.Text)
	})
	e.Process = changed(e.Process, func(x *Process) {
		brief(&x.State)
		brief(&x.Command)
		brief(&x.Note)
		x.Groups = x.Groups[:min(len(x.Groups), maxEntries)]
	})
	e.Check = changed(e.Check, func(x *Check) {
		x.Requirement, x.Clause = Bound(x.Requirement, MaxShort), Bound(x.Clause, MaxShort)
		long := text
		if x.Held {
			long = brief
		}
		long(&x.What)
		long(&x.Expected)
		long(&x.Actual)
		brief(&x.Where)
	})
	e.Witness = changed(e.Witness, func(x *Witness) {
		x.Role, x.Clause = role.Role(Bound(string(x.Role), MaxShort)), Bound(x.Clause, MaxShort)
		text(&x.What)
		text(&x.Expected)
		text(&x.Actual)
	})
	e.CaseEnd = changed(e.CaseEnd, func(x *CaseEnd) {
		x.Outcome = Outcome(Bound(string(x.Outcome), MaxShort))
		text(&x.Says)
		text(&x.Actual)
		brief(&x.Where)
		brief(&x.Capability)
	})
	return e
}

// changed returns a copy to which something was done; nil of nil.
func changed[T any](from *T, do func(*T)) *T {
	if from == nil {
		return nil
	}
	to := *from
	do(&to)
	return &to
}

// cleanEnvironment keeps the first entries by name.
func cleanEnvironment(from map[string]string, clean func(*string)) map[string]string {
	names := slices.Sorted(maps.Keys(from))
	to := make(map[string]string, len(names))
	for _, name := range names[:min(len(names), maxEntries)] {
		value := from[name]
		clean(&name)
		clean(&value)
		to[name] = value
	}
	return to
}
