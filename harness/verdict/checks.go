package verdict

import (
	"slices"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// maxChecks bounds the checks kept of one attempt that held: the first of so many
// clauses, and so many more. The stage writes no more of these.
const maxChecks = 200

// checks are those of one attempt, in the order in which they were made.
type checks struct {
	list   []Check
	left   int             // of those that held, not in the list
	shown  map[string]bool // clauses of which a check held that is no premise
	more   int             // in the list that held, without the first of each of these
	failed int
	after  bool // something was checked after a check that did not hold
}

func (c *checks) add(made Check) {
	c.after = c.after || c.failed > 0
	switch {
	case !made.Held:
		if c.failed++; c.failed > 1 {
			return
		}
	case !made.Premise && !c.shown[made.Clause] && len(c.shown) < maxChecks:
		if c.shown == nil {
			c.shown = map[string]bool{}
		}
		c.shown[made.Clause] = true
	case c.more < maxChecks:
		c.more++
	default:
		c.left++
		return
	}
	c.list = append(c.list, made)
}

// violation is the check that did not hold, nil if all did.
func (c *checks) violation() *Check {
	i := slices.IndexFunc(c.list, func(made Check) bool { return !made.Held })
	if i < 0 {
		return nil
	}
	return &c.list[i]
}

// observed is what an attempt that has ended showed: what its checks say, as long as the
// end does not speak against them.
func observed(kase plan.Case, end journal.CaseEnd, made *checks) journal.Observation {
	failed := made.violation()
	if fault := contradiction(kase, end, made); fault != "" {
		return journal.Observation{Outcome: journal.HarnessError, Says: fault}
	}
	if end.Outcome == journal.Violated {
		return journal.Observation{
			Outcome: journal.Violated, Requirement: failed.Requirement, Clause: failed.Clause,
			Says: failed.What, Expected: failed.Expected, Actual: failed.Actual, Where: failed.Where,
		}
	}
	return journal.Observation{Outcome: end.Outcome, Says: end.Says, Actual: end.Actual, Where: end.Where, Capability: end.Capability, Misled: end.Misled}
}

// contradiction says in what the end of an attempt and its checks do not go together. A
// case may be ended from outside, by an interruption or the end of its sandbox, whatever
// was checked by then.
func contradiction(kase plan.Case, end journal.CaseEnd, made *checks) string {
	failed := made.violation()
	if made.after {
		return "the scenario went on after a check that did not hold"
	}
	for _, one := range made.list {
		if one.Held && !slices.Contains(kase.Clauses(), one.Clause) {
			return "something of " + quoted(one.Clause) + " was checked, which the case does not claim to verify"
		}
	}
	switch outcome := end.Outcome; {
	case outcome == "":
		return "the case ended without an observation"
	case outcome == journal.Violated && failed == nil:
		return "the case is said to be violated, and no check in it failed"
	case failed != nil && (outcome == journal.Held || outcome == journal.NotApplicable || outcome == journal.CouldNotRun && end.Where != ""):
		return "the case is said to be " + string(outcome) + ", and a check of " + failed.Requirement + " failed in it"
	case outcome == journal.Held:
		clauses := kase.Clauses()
		if i := slices.IndexFunc(clauses, func(id string) bool { return !made.shown[id] }); i >= 0 {
			return "the case is said to hold, and nothing of " + clauses[i] + " was checked in it: something else wrote that into the journal"
		}
	}
	return ""
}

// shows says whether a check of the clause held in the case that is no premise.
func (c Case) shows(clause string) bool {
	return slices.ContainsFunc(c.Checks, func(made Check) bool {
		return made.Held && !made.Premise && made.Clause == clause
	})
}

// Premise says of a violated case that nothing was shown of the clause which takes the
// blame: a control failed, or something was awaited in vain.
func (c Case) Premise() bool {
	return slices.ContainsFunc(c.Checks, func(made Check) bool { return !made.Held && made.Premise })
}
