package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/understudy-conformance/understudy/harness/expect"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/words"
)

// suggested is the list of known deviations that one has after pasting every entry that
// a report suggests, each with a reason, and the cases that the list is about.
func suggested(model verdict.Model) (knownDeviations, []plan.Case, error) {
	var text strings.Builder
	var cases []plan.Case
	for _, c := range model.Cases {
		if c.Suggestion != "" {
			text.WriteString(strings.Replace(c.Suggestion, "reason: "+expect.ChangeMe, "reason: seen in the first run", 1))
			cases = append(cases, c.Case)
		}
	}
	file, err := expect.Read("suggested", []byte(text.String()))
	if err != nil {
		return knownDeviations{}, nil, fmt.Errorf("read the suggested entries: %w", err)
	}
	return knownDeviations{file, []byte(text.String())}, cases, nil
}

// judgeSuggestions looks at a run with the suggested entries, prints those that do not
// fit, and returns the exit code.
func judgeSuggestions(out io.Writer, model verdict.Model) int {
	code := verdict.ExitConforms
	for _, p := range model.Problems {
		fmt.Fprintf(out, "  ✕ %s\n", p.Text)
		if p.Kind == verdict.Stale {
			code = gravest(code, verdict.ExitViolated)
			fmt.Fprintf(out, "    pattern  %s\n    seen     %s\n", p.Pattern, strings.ReplaceAll(p.Seen, "\n", "\n             "))
		} else {
			code = gravest(code, verdict.ExitHarness)
		}
	}
	for _, c := range model.Cases {
		switch c.Verdict {
		case verdict.ExpectedFail, verdict.ExpectedWarn:
		case verdict.Fail, verdict.Warn, verdict.UnexpectedPass:
			code = gravest(code, verdict.ExitViolated)
			fmt.Fprintf(out, "  ✕ %s with the entry that was suggested for it: %s\n", c.ID, words.Word(c.Verdict))
		default:
			code = gravest(code, verdict.ExitHarness)
			fmt.Fprintf(out, "  ✕ %s: %s: %s\n", c.ID, c.Verdict, c.Observation.Says)
		}
	}
	if code == verdict.ExitConforms {
		fmt.Fprintf(out, "  ✓ %d suggested entries fit a second run\n", len(model.Cases))
	}
	return code
}
