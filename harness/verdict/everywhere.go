package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

const (
	maxWitnesses   = 1000 // kept of one journal
	namedWitnesses = 3    // in the report of the case that they violate
)

// witness is a sight that breaks a clause of a case which has to hold everywhere.
type witness struct {
	journal.Witness
	in      string // the case in which it was seen, "" of a control
	attempt int
}

func (r *run) witness(e journal.Event) {
	if len(r.witnesses) < maxWitnesses {
		r.witnesses = append(r.witnesses, witness{*e.Witness, e.Case, e.Attempt})
	}
	r.caseEvent(e) // of the case in which it was seen it shows the moment
}

// witnessed is an attempt of a case that has to hold everywhere, with what was seen in other
// cases. One that ended otherwise than by holding is left as it is: it has a cause of its own.
func (b *builder) witnessed(kase plan.Case, a *attempt) *attempt {
	if !kase.Everywhere() || a.end == nil || a.end.Outcome != journal.Held {
		return a
	}
	seen := b.witnesses(kase, a.number)
	if len(seen) == 0 {
		return a
	}
	with, end := *a, *a.end
	end.Outcome = journal.Violated
	with.end, with.checks = &end, checks{left: a.checks.left}
	for _, made := range a.checks.list {
		if !slices.ContainsFunc(seen, func(w witness) bool { return w.Clause == made.Clause }) {
			with.checks.add(made)
		}
	}
	with.checks.add(broken(kase, seen))
	return &with
}

// witnesses are all that speak of the case. In joined runs that of a case counts whose
// verdict does.
func (b *builder) witnesses(kase plan.Case, attempt int) (found []witness) {
	for _, r := range b.all.runs {
		for _, w := range r.witnesses {
			of := w.Role == kase.Role && slices.Contains(kase.Clauses(), w.Clause)
			if of && w.attempt == attempt && (w.in == "" || b.owners[w.in] == r) {
				found = append(found, w)
			}
		}
	}
	return found
}

// broken is the check that the witnesses make: of the first clause of which there are any,
// in the same words whatever the order in which the cases were played.
func broken(kase plan.Case, seen []witness) journal.Check {
	for _, clause := range kase.Clauses() {
		of := slices.DeleteFunc(slices.Clone(seen), func(w witness) bool { return w.Clause != clause })
		if len(of) == 0 {
			continue
		}
		slices.SortStableFunc(of, func(a, b witness) int {
			return strings.Compare(a.What+"\n"+a.in, b.What+"\n"+b.in)
		})
		var lines []string
		for _, w := range of[:min(len(of), namedWitnesses)] {
			lines = append(lines, "in "+w.place()+": "+w.Actual)
		}
		if len(of) > namedWitnesses {
			lines = append(lines, fmt.Sprintf("and more: %d in all", len(of)))
		}
		return journal.Check{
			Requirement: catalogue.Of(clause), Clause: clause, What: of[0].What,
			Expected: of[0].Expected, Actual: strings.Join(lines, "\n"),
		}
	}
	return journal.Check{} // unreachable: witnesses are of clauses of the case
}

func (w witness) place() string {
	if w.in == "" {
		return "the control"
	}
	return w.in
}
