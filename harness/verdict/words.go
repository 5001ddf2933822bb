package verdict

import (
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
)

// Glyph is the sign of a verdict. It never stands without the word.
func (v Verdict) Glyph() string {
	switch v {
	case Pass:
		return "✓"
	case Fail:
		return "✕"
	case Warn, ExpectedFail, ExpectedWarn:
		return "!"
	case CouldNotRun:
		return "?"
	case Flaky:
		return "~"
	case UnexpectedPass:
		return "↺"
	case HarnessError:
		return "▲"
	case Untested:
		return "○"
	case NotShown:
		return "◌"
	}
	return "–"
}

// Word is the verdict for people, short enough for a cell of a table.
func (v Verdict) Word() string {
	switch v {
	case Pass, Fail, Warn, Flaky, Untested, Untestable:
		return string(v)
	case NotApplicable:
		return "n/a"
	case CouldNotRun:
		return "could not run"
	case ExpectedFail, ExpectedWarn:
		return "expected"
	case ExpectedSkip:
		return "skipped"
	case UnexpectedPass:
		return "unexpected pass"
	case HarnessError:
		return "harness error"
	case NotShown:
		return "not shown"
	}
	return string(v)
}

// Tone is the colour family of a verdict: pass, fail, warn or none.
func (v Verdict) Tone() string {
	switch v {
	case Pass:
		return "pass"
	case Fail, HarnessError, Flaky, UnexpectedPass:
		return "fail"
	case Warn, ExpectedFail, ExpectedWarn, CouldNotRun:
		return "warn"
	}
	return "none"
}

// Unexpected says whether the verdict of a case needs somebody's attention.
func (v Verdict) Unexpected() bool {
	return contains([]Verdict{Fail, HarnessError, Flaky, CouldNotRun, UnexpectedPass, Warn}, v)
}

// Headline is the answer to "do I conform?" for one profile, or for Any, and its
// tone. That of a shard says that it is a part, and is never green.
func (m Model) Headline(profile catalogue.Profile) (sentence, tone string) {
	sentence, tone = m.headline(profile)
	if m.Part == "" {
		return sentence, tone
	}
	if tone == "pass" {
		tone = "none"
	}
	return "A part, " + m.Part + ": " + sentence, tone
}

func (m Model) headline(profile catalogue.Profile) (sentence, tone string) {
	cases, violated, expected := 0, 0, 0
	for _, kase := range m.Cases {
		if !kase.within(profile) {
			continue
		}
		cases++
		switch kase.Verdict {
		case Fail, Warn, Flaky:
			violated++
		case ExpectedFail, ExpectedWarn:
			expected++
		}
	}
	switch Exit(m, profile) {
	case ExitHarness:
		return "Harness error", "fail"
	case ExitUsage:
		return "Nothing selected", "none"
	case ExitIncomplete:
		if m.Unfinished {
			return "Unfinished", "fail"
		}
		if violated > 0 {
			return "Does not conform, and incomplete", "fail"
		}
		return "Incomplete", "warn"
	case ExitViolated:
		if violated == 0 {
			return "The list of known deviations is stale", "fail"
		}
		return "Does not conform", "fail"
	}
	switch {
	case expected > 0:
		return fmt.Sprintf("As expected: %s", count(expected, "known deviation")), "warn"
	case cases == 0:
		return "Nothing to play", "none"
	case m.Partial:
		return "Holds, as far as selected", "pass"
	case m.untested(profile):
		return "Conforms, as far as tested", "pass"
	}
	return "Conforms", "pass"
}

// untested says whether requirements of the profile have no scenario yet.
func (m Model) untested(profile catalogue.Profile) bool {
	for _, p := range m.Profiles {
		if (profile == Any || p.Name == profile) && p.Counts[Untested] > 0 {
			return true
		}
	}
	return false
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Numbers is the summary of a profile in words: 107 of 114 hold, 4 violated.
func (p Profile) Numbers() string {
	text := fmt.Sprintf("%d of %d hold", p.Holds(), p.Total)
	if rest := p.Rest(); rest != "" {
		text += ", " + rest
	}
	return text
}

// Rest is Numbers without the requirements that hold; "" when all do.
func (p Profile) Rest() string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{p.Counts[Fail], "violated"},
		{p.Counts[Warn], "violated as SHOULD"},
		{p.Counts[Flaky], "flaky"},
		{p.Counts[HarnessError], "with a harness error"},
		{p.Counts[CouldNotRun], "could not run"},
		{p.Expected(), "violated as expected"},
		{p.Counts[ExpectedSkip], "skipped as expected"},
		{p.Counts[NotShown], "not shown"},
		{p.Counts[NotApplicable], "not applicable"},
		{p.Counts[Untested], "untested"},
		{p.Counts[Untestable], "untestable"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}
