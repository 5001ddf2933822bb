package verdict

import (
	"slices"

	"github.com/understudy-conformance/understudy/harness/catalogue"
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
// incomplete, never a success; a shard without cases is complete.
func Exit(m Model, profile catalogue.Profile) int {
	found := map[int]bool{}
	elsewhere := map[string]bool{} // cases that do not count for the profile
	cases, shown := 0, false
	for _, kase := range m.Cases {
		if !kase.within(profile) {
			elsewhere[kase.ID] = true
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
		if !elsewhere[p.Case] {
			found[exitOf(p.Kind)] = true
		}
	}
	if cases == 0 && m.Part.Whole() && !m.Started.IsZero() { // what never began could not select anything
		found[ExitUsage] = true
	}
	if !shown && !m.Partial() {
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

// within says whether what happened in the case counts for the profile.
func (c Case) within(profile catalogue.Profile) bool {
	return profile == Any || slices.Contains(c.Within, profile)
}
