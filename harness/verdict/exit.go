package verdict

import (
	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
)

// Exit codes of `understudy run`.
const (
	ExitConforms   = 0
	ExitViolated   = 1 // an unlisted violation or warning, a stale entry, or flaky
	ExitUsage      = 2 // a bad flag, manifest or id, or an empty selection
	ExitIncomplete = 3 // unlisted could-not-run, no sandbox, interrupted, killed, no room
	ExitHarness    = 4 // our fault
)

// Any is the profile that stands for all of them.
const Any catalogue.Profile = ""

// Exit is the exit code of a run for one profile, or for Any. The gravest
// finding wins: 4, 2, 3, 1. A whole run that showed nothing at all is
// incomplete, never a success.
func Exit(m Model, profile catalogue.Profile) int {
	found := map[int]bool{}
	cases, shown := 0, false
	for _, kase := range m.Cases {
		if !m.within(kase, profile) {
			continue
		}
		cases++
		switch kase.Verdict {
		case Pass, ExpectedFail, ExpectedWarn:
			shown = true
		case Fail, Warn, UnexpectedPass, Flaky:
			shown = true
			found[ExitViolated] = true
		case CouldNotRun:
			found[ExitIncomplete] = true
		case NotApplicable, ExpectedSkip:
		default:
			found[ExitHarness] = true
		}
	}
	for _, p := range m.Problems {
		if kase, ok := m.Case(p.Case); ok && !m.within(kase, profile) {
			continue
		}
		found[exitOf(p.Kind)] = true
	}
	if cases == 0 && !m.Started.IsZero() { // what never began could not select anything
		found[ExitUsage] = true
	}
	if !shown && !m.Partial {
		found[ExitIncomplete] = true
	}
	for _, code := range []int{ExitHarness, ExitUsage, ExitIncomplete, ExitViolated} {
		if found[code] {
			return code
		}
	}
	return ExitConforms
}

func exitOf(kind ProblemKind) int {
	switch kind {
	case Usage:
		return ExitUsage
	case Incomplete:
		return ExitIncomplete
	case Stale:
		return ExitViolated
	}
	return ExitHarness
}

// within says whether what happened in the case counts for the profile. A
// violation counts for the profile of the violated requirement, everything else
// for every profile of which the case verifies a requirement.
func (m Model) within(kase Case, profile catalogue.Profile) bool {
	if profile == Any {
		return true
	}
	if kase.Observation.Outcome == journal.Violated && kase.Verdict != HarnessError && kase.Profile != "" {
		return kase.Profile == profile
	}
	known := false
	for _, r := range m.Requirements {
		if contains(kase.Verifies, r.ID) {
			known = true
			if r.Profile == profile {
				return true
			}
		}
	}
	return !known
}
