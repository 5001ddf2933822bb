// Package words holds what people read about verdicts, the same in all reports:
// signs, words, colours, headlines and numbers in sentences. Package verdict says
// what is; here stands how that is called.
package words

import (
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/human"
)

// Glyph is the sign of a verdict. It never stands without the word.
func Glyph(v verdict.Verdict) string {
	switch v {
	case verdict.Pass:
		return "✓"
	case verdict.Fail:
		return "✕"
	case verdict.Warn, verdict.ExpectedFail, verdict.ExpectedWarn:
		return "!"
	case verdict.CouldNotRun:
		return "?"
	case verdict.Flaky:
		return "~"
	case verdict.UnexpectedPass:
		return "↺"
	case verdict.HarnessError:
		return "▲"
	case verdict.Untested:
		return "○"
	case verdict.NotShown:
		return "◌"
	case verdict.PartlyHeld:
		return "◐"
	}
	return "–"
}

// Word is the verdict for people, short enough for a cell of a table.
func Word(v verdict.Verdict) string {
	switch v {
	case verdict.NotApplicable:
		return "n/a"
	case verdict.CouldNotRun:
		return "could not run"
	case verdict.ExpectedFail, verdict.ExpectedWarn:
		return "expected"
	case verdict.ExpectedSkip:
		return "skipped"
	case verdict.UnexpectedPass:
		return "unexpected pass"
	case verdict.HarnessError:
		return "harness error"
	case verdict.NotShown:
		return "not shown"
	case verdict.PartlyHeld:
		return "partly held"
	}
	return string(v)
}

// Tone is a colour family. Reports in HTML have a class for each of them.
type Tone string

const (
	Good    Tone = "pass" // green
	Bad     Tone = "fail" // red
	Caution Tone = "warn" // yellow
	Neutral Tone = "none"
)

// ToneOf is the colour family of a verdict.
func ToneOf(v verdict.Verdict) Tone {
	switch v {
	case verdict.Pass:
		return Good
	case verdict.Fail, verdict.HarnessError, verdict.Flaky, verdict.UnexpectedPass:
		return Bad
	case verdict.Warn, verdict.ExpectedFail, verdict.ExpectedWarn, verdict.CouldNotRun:
		return Caution
	}
	return Neutral
}

// Headline is an answer as a sentence, and its tone. That of a part of a plan says
// that it is one, and is never green.
func Headline(a verdict.Answer) (sentence string, tone Tone) {
	sentence, tone = conclusion(a)
	if a.Part.Whole() {
		return sentence, tone
	}
	if tone == Good {
		tone = Neutral
	}
	return "A part, " + Part(a.Part) + ": " + sentence, tone
}

// Part names what of a plan was played, "shard 2 of 3" or "2 of 3 shards"; "" for the whole.
func Part(p verdict.Part) string {
	switch {
	case p.Whole():
		return ""
	case p.Shard > 0:
		return fmt.Sprintf("shard %d of %d", p.Shard, p.Of)
	}
	return fmt.Sprintf("%d of %d shards", p.There, p.Of)
}

// Partial tells in what respects this is less than a whole run; nil for a whole one.
func Partial(m verdict.Model) []string {
	var why []string
	add := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if !m.Part.Whole() {
		add("%s: a part of the plan", Part(m.Part))
	}
	switch filter := m.Identity.Filter; {
	case m.Inside >= m.Offered:
	case filter != "":
		add("only cases that the filter %s selects", filter)
	case m.Part.Whole():
		add("%d of %d cases were planned", m.Inside, m.Offered)
	}
	if m.Unfinished {
		add("the run is unfinished")
	}
	switch {
	case m.CutWhy != "":
		add("the run ended early: %s", m.CutWhy)
	case m.Cut:
		add("the run ended early")
	}
	return why
}

func conclusion(a verdict.Answer) (string, Tone) {
	switch a.Conclusion {
	case verdict.Conforms:
		return "Conforms", Good
	case verdict.ConformsAsTested:
		return "Conforms, as far as tested", Good
	case verdict.HoldsAsSelected:
		return "Holds, as far as selected", Good
	case verdict.AsExpected:
		return "As expected: " + human.Count(a.Expected, "known deviation"), Caution
	case verdict.NothingToPlay:
		return "Nothing to play", Neutral
	case verdict.NothingJudged:
		return "Nothing judged", Neutral
	case verdict.NothingSelected:
		return "Nothing selected", Neutral
	case verdict.ManifestWrong:
		return "The manifest is wrong", Bad
	case verdict.StaleList:
		return "The list of known deviations is stale", Bad
	case verdict.DoesNotConform:
		return "Does not conform", Bad
	case verdict.DoesNotConformAndIncomplete:
		return "Does not conform, and incomplete", Bad
	case verdict.CannotTell:
		return "Incomplete", Caution
	case verdict.NotFinished:
		return "Unfinished", Bad
	}
	return "Harness error", Bad
}

// Reason tells why a requirement is untested, untestable or not applicable; "" of any other.
func Reason(r verdict.Requirement) string {
	switch {
	case r.Verdict == verdict.Untestable:
		return r.Untestable
	case r.Verdict == verdict.Untested && r.Covered:
		return "not selected in this run"
	case r.Verdict == verdict.Untested:
		return "no scenario verifies it yet"
	case len(r.Elsewhere) > 0:
		return "seen in role " + role.Join(r.Elsewhere, " or ") + " only, which the implementation does not play"
	}
	return r.Says
}

// Numbers is the summary of a profile in words: 107 of 114 hold, 4 violated.
func Numbers(p verdict.Profile) string {
	text := fmt.Sprintf("%d of %d hold", p.Holds(), p.Total)
	if rest := Rest(p); rest != "" {
		text += ", " + rest
	}
	return text
}

// Tested says how many clauses of a profile were tested: 120 of 300 clauses tested.
func Tested(p verdict.Profile) string {
	return fmt.Sprintf("%d of %d clauses tested", p.Tested, p.Clauses)
}

// Rest is Numbers without the requirements that hold; "" when all do.
func Rest(p verdict.Profile) string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{p.Counts[verdict.Fail], "violated"},
		{p.Counts[verdict.Warn], "violated as SHOULD"},
		{p.Counts[verdict.Flaky], "flaky"},
		{p.Counts[verdict.HarnessError], "with a harness error"},
		{p.Counts[verdict.CouldNotRun], "could not run"},
		{p.Expected(), "violated as expected"},
		{p.Counts[verdict.ExpectedSkip], "skipped as expected"},
		{p.Counts[verdict.PartlyHeld], "partly held"},
		{p.Counts[verdict.NotShown], "not shown"},
		{p.Counts[verdict.NotApplicable], "not applicable"},
		{p.Counts[verdict.Untested], "untested"},
		{p.Counts[verdict.Untestable], "untestable"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return strings.Join(parts, ", ")
}
