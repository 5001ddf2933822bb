package verdict_test

import (
	"testing"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func TestVerdictIsAFunctionOfLevelObservationAndExpectation(t *testing.T) {
	const (
		unlisted  = iota // no entry covers the case
		other            // one does, and describes something else
		explained        // one does, and describes what was seen
	)
	every := []catalogue.Level{catalogue.Must, catalogue.Should, catalogue.May}
	for _, row := range []struct {
		outcome journal.Outcome
		levels  []catalogue.Level
		want    [3]verdict.Verdict // unlisted, other, explained
	}{
		{journal.Held, every, [3]verdict.Verdict{verdict.Pass, verdict.UnexpectedPass, verdict.UnexpectedPass}},
		{journal.Violated, every[:1], [3]verdict.Verdict{verdict.Fail, verdict.Fail, verdict.ExpectedFail}},
		{journal.Violated, every[1:2], [3]verdict.Verdict{verdict.Warn, verdict.Warn, verdict.ExpectedWarn}},
		{journal.Violated, every[2:], [3]verdict.Verdict{verdict.NotApplicable, verdict.NotApplicable, verdict.NotApplicable}},
		{journal.NotApplicable, every, [3]verdict.Verdict{verdict.NotApplicable, verdict.NotApplicable, verdict.ExpectedSkip}},
		{journal.CouldNotRun, every, [3]verdict.Verdict{verdict.CouldNotRun, verdict.CouldNotRun, verdict.ExpectedSkip}},
		{journal.HarnessError, every, [3]verdict.Verdict{verdict.HarnessError, verdict.HarnessError, verdict.HarnessError}},
		{"Violated", every, [3]verdict.Verdict{verdict.HarnessError, verdict.HarnessError, verdict.HarnessError}},
		{"", every, [3]verdict.Verdict{verdict.HarnessError, verdict.HarnessError, verdict.HarnessError}},
	} {
		for _, level := range row.levels {
			for state, want := range row.want {
				got := verdict.Judge(level, row.outcome, state != unlisted, state == explained)
				if got != want {
					t.Errorf("%s, %q, listed %v, explained %v: %s, want %s", level, row.outcome, state == other, state == explained, got, want)
				}
			}
		}
	}
	if got := verdict.Judge("", journal.Violated, false, false); got != verdict.HarnessError {
		t.Errorf("a violation without level is %s, want harness-error", got)
	}
}
