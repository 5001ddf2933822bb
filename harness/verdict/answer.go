package verdict

import (
	"slices"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
)

// Conclusion is the answer to "does the implementation conform?".
type Conclusion int

const (
	Conforms                    Conclusion = iota
	ConformsAsTested                       // of the profile there are requirements or clauses that no case of this run verifies
	HoldsAsSelected                        // of a run that is partial
	AsExpected                             // all violations are listed
	NothingToPlay                          // a part of a plan that has no case of the profile
	NothingJudged                          // of a run that is partial: no case was played to an answer, each is not applicable or listed as one that cannot run
	NothingSelected                        // or another mistake of who started the run
	ManifestWrong                          // it says of the implementation what is not so
	StaleList                              // nothing is violated; the list of known deviations does not fit
	DoesNotConform                         // a violation is not listed
	DoesNotConformAndIncomplete            // and more could not be found out
	CannotTell                             // what could be found out is no violation
	NotFinished                            // nothing is known yet
	HarnessFailed                          // our fault
)

// Answer is what a run says about one profile, or about all.
type Answer struct {
	Conclusion Conclusion
	Expected   int  // cases that violate as listed
	Part       Part // that of the model: a part of a plan answers for itself only
}

// Answer computes the answer for one profile, or for Any.
func (m Model) Answer(profile catalogue.Profile) Answer {
	var cases, held, violated, expected int
	for _, kase := range m.Cases {
		if !kase.within(profile) {
			continue
		}
		cases++
		switch kase.Verdict {
		case Pass:
			held++
		case Fail, Warn, Flaky:
			violated++
		case ExpectedFail, ExpectedWarn:
			expected++
		}
	}
	return Answer{Conclusion: m.conclusion(profile, cases, held, violated, expected), Expected: expected, Part: m.Part}
}

// conclusion takes numbers of cases of the profile.
func (m Model) conclusion(profile catalogue.Profile, cases, held, violated, expected int) Conclusion {
	switch exit := Exit(m, profile); {
	case exit == ExitHarness:
		return HarnessFailed
	case exit == ExitUsage && m.misled():
		return ManifestWrong
	case exit == ExitUsage:
		return NothingSelected
	case exit == ExitIncomplete && m.Unfinished:
		return NotFinished
	case exit == ExitIncomplete && violated > 0:
		return DoesNotConformAndIncomplete
	case exit == ExitIncomplete:
		return CannotTell
	case exit == ExitViolated && violated == 0:
		return StaleList
	case exit == ExitViolated:
		return DoesNotConform
	case expected > 0:
		return AsExpected
	case cases == 0:
		return NothingToPlay
	case held == 0:
		return NothingJudged
	case m.Partial():
		return HoldsAsSelected
	case m.untested(profile):
		return ConformsAsTested
	}
	return Conforms
}

// misled says whether something could not run, or means nothing, because of what the manifest says.
func (m Model) misled() bool {
	one := len(m.Joined) == 0 // of two runs, each may be right
	return one && m.releases() > 1 ||
		slices.ContainsFunc(m.Controls, func(c Control) bool { return c.Observation.Misled }) ||
		slices.ContainsFunc(m.Cases, func(c Case) bool { return c.Observation.Misled })
}

// untested says whether something of the profile was not checked in this run.
func (m Model) untested(profile catalogue.Profile) bool {
	for _, p := range m.Profiles {
		if (profile == Any || p.Name == profile) && p.Counts[Untested]+p.Counts[PartlyHeld] > 0 {
			return true
		}
	}
	return false
}

// releases counts those of which the implementation is in the sandboxes.
func (m Model) releases() int {
	told := map[string]bool{}
	for _, s := range m.Sandboxes {
		if as := s.Environment[journal.AirflowKey]; as != "" {
			told[as] = true
		}
	}
	return len(told)
}
