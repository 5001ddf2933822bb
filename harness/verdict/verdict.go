// Package verdict computes what a run says about an implementation: a pure
// function of the catalogue, the case index, the journal and the list of known
// deviations. Nothing here reads a file or a clock. What leaves it are states and
// numbers, worded by reports/words; only problems are told in sentences, as errors are.
//
//  1. The verdict of a case is f(level, observation, expectation): a violated
//     MUST fails, a violated SHOULD warns, a violated MAY is an option not taken.
//  2. What was planned and is not in the journal could not run. A case that began
//     and did not end is our own error, unless the journal has no end either:
//     then the run was killed, and the case could not run.
//  3. A case is violated by the check that did not hold, and holds by a check that
//     did for each of its requirements; an end that says something else than the
//     checks is our own error.
//  4. A clause is violated by the case that violated it. Other clauses of such a case
//     hold if something of them was checked before, and are not shown by it if the
//     scenario ended too early. A requirement holds in a role when each of its clauses
//     does that can be seen there, and is partly held when some were not checked.
//  5. The gravest finding decides the exit code: 4, 2, 3, 1.
package verdict

import (
	"cmp"
	"slices"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// Verdict is the word for how a case, or a requirement, came out.
type Verdict string

const (
	Pass           Verdict = "pass"            // held
	Fail           Verdict = "fail"            // a MUST is violated
	Warn           Verdict = "warn"            // a SHOULD is violated
	NotApplicable  Verdict = "not-applicable"  // the implementation lacks the capability, or takes no use of a MAY
	CouldNotRun    Verdict = "could-not-run"   // the sandbox lacks what the scenario needs, or the run ended before
	ExpectedFail   Verdict = "expected-fail"   // a MUST is violated as listed
	ExpectedWarn   Verdict = "expected-warn"   // a SHOULD is violated as listed
	ExpectedSkip   Verdict = "expected-skip"   // could not run, or not applicable, as listed
	UnexpectedPass Verdict = "unexpected-pass" // listed, and held: the list is stale
	Flaky          Verdict = "flaky"           // attempts came out differently
	HarnessError   Verdict = "harness-error"   // our fault

	// Of requirements only:
	PartlyHeld Verdict = "partly-held" // what was checked of it held, and one of its clauses was not checked
	NotShown   Verdict = "not-shown"   // its cases ended before they came to it
	Untested   Verdict = "untested"    // no case of this run verifies it
	Untestable Verdict = "untestable"  // cannot be seen from outside; the catalogue says why
)

// All lists every verdict, gravest first. A requirement gets the gravest of its cases.
func All() []Verdict {
	return []Verdict{
		Fail, HarnessError, Flaky, CouldNotRun, UnexpectedPass, Warn, ExpectedFail, ExpectedWarn, ExpectedSkip,
		PartlyHeld, Pass, NotShown, NotApplicable, Untested, Untestable,
	}
}

// Unexpected says whether the verdict of a case needs somebody's attention.
func (v Verdict) Unexpected() bool {
	return slices.Contains([]Verdict{Fail, HarnessError, Flaky, CouldNotRun, UnexpectedPass, Warn}, v)
}

// gravest returns the one that stands first in All.
func gravest(verdicts ...Verdict) Verdict {
	for _, v := range All() {
		for _, w := range verdicts {
			if v == w {
				return v
			}
		}
	}
	return Untested
}

// Judge is f(level, observation, expectation). Explained says whether an entry of
// the list describes the observation; listed, whether an entry that is not
// intermittent covers the case.
func Judge(level catalogue.Level, outcome journal.Outcome, listed, explained bool) Verdict {
	switch outcome {
	case journal.Held:
		if listed {
			return UnexpectedPass
		}
		return Pass
	case journal.Violated:
		switch level {
		case catalogue.Must:
			if explained {
				return ExpectedFail
			}
			return Fail
		case catalogue.Should:
			if explained {
				return ExpectedWarn
			}
			return Warn
		case catalogue.May:
			return NotApplicable
		}
	case journal.NotApplicable:
		if explained {
			return ExpectedSkip
		}
		return NotApplicable
	case journal.CouldNotRun:
		if explained {
			return ExpectedSkip
		}
		return CouldNotRun
	}
	return HarnessError
}

// Judgement is the verdict on one end of a case and what led to it.
type Judgement struct {
	Verdict      Verdict
	Requirement  *catalogue.Requirement // the one that decides: the violated one, else the first of the case; nil when unknown
	Entries      []*expect.Entry        // those that explain the observation
	Intermittent bool                   // entries cover the case, and all of them are intermittent
	Problem      string                 // why it is a harness error although the scenario did not say so
}

// Of judges one observation of a case.
func Of(c *catalogue.Catalogue, kase plan.Case, o journal.Observation, known *expect.File) Judgement {
	id := o.Requirement
	if id == "" && len(kase.Verifies) > 0 {
		id = kase.Verifies[0]
	}
	r, ok := c.Get(id)
	if !ok {
		return Judgement{Verdict: HarnessError, Problem: "the case speaks of requirement " + quoted(id) + ", which is not in the catalogue"}
	}
	if o.Outcome == journal.Violated && !slices.Contains(kase.Clauses(), cmp.Or(o.Clause, id)) {
		return Judgement{Verdict: HarnessError, Requirement: r, Problem: "the scenario reports a violation of " + id + ", which it does not claim to verify"}
	}
	covering := known.Covering(kase)
	var explaining []*expect.Entry
	listed, intermittent := false, len(covering) > 0
	for _, e := range covering {
		listed = listed || !e.Intermittent
		intermittent = intermittent && e.Intermittent
		if e.Explains(o) {
			explaining = append(explaining, e)
		}
	}
	return Judgement{
		Verdict:      Judge(r.Level, o.Outcome, listed, len(explaining) > 0),
		Requirement:  r,
		Entries:      explaining,
		Intermittent: intermittent,
	}
}
