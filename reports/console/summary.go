package console

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Bounds of the summary: beyond them the report is the better reader.
const (
	maxFindings = 20
	maxLines    = 8
	maxColumns  = 300
)

// Finish removes what moves and prints the summary: what needs attention, then one
// line with the answer. Profile is the selected one or verdict.Any; report is the
// path of the HTML report, "" when there is none. It returns the exit code.
func (c *Console) Finish(m verdict.Model, profile verdict.ProfileName, report string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	for _, a := range c.areas {
		if c.screen.Terminal && a.planned > 0 {
			c.print(c.progress(a))
		}
	}
	c.findings(m)
	c.problems(m)
	exit := verdict.Exit(m, profile)
	c.print("\n" + c.answer(m, profile, report, exit))
	return exit
}

func (c *Console) findings(m verdict.Model) {
	shown, more := 0, 0
	same := map[string]int{} // cases that could not run, by the reason
	for _, kase := range m.Cases {
		if !kase.Verdict.Unexpected() {
			continue
		}
		if kase.Verdict == verdict.CouldNotRun { // an interrupted run has the same one for all that was left
			if same[kase.Observation.Says]++; same[kase.Observation.Says] > 1 {
				continue
			}
		}
		if shown++; shown > maxFindings {
			more++
			continue
		}
		c.finding(kase)
	}
	if more > 0 {
		c.print(fmt.Sprintf("\nand %d more; the report has them all", more))
	}
	for _, says := range slices.Sorted(maps.Keys(same)) {
		if others := same[says] - 1; others > 0 {
			noun := "cases"
			if others == 1 {
				noun = "case"
			}
			c.print(fmt.Sprintf("\nand %d other %s that could not run: %s", others, noun, clip(says, 1)))
		}
	}
}

func (c *Console) finding(kase verdict.Case) {
	says := kase.Observation.Says
	if kase.Verdict == verdict.UnexpectedPass {
		says = "listed as a known deviation, and holds"
	}
	c.print("")
	c.print(c.sign(kase.Verdict) + " " + c.paint.bold(kase.ID) + ": " + clip(says, 1))
	if kase.Requirement != "" {
		c.field("requires", fmt.Sprintf("%s %s (%s); verdict: %s", kase.Level, cmp.Or(kase.Observation.Clause, kase.Requirement), kase.Profile, words.Word(kase.Verdict)))
	}
	c.field("expected", kase.Observation.Expected)
	c.field("actual", kase.Observation.Actual)
	c.field("where", kase.Observation.Where)
	for _, a := range kase.Attempts {
		if len(kase.Attempts) > 1 {
			c.field(fmt.Sprintf("attempt %d", a.Number), strings.TrimSuffix(words.Word(a.Verdict)+": "+a.Observation.Says, ": "))
		}
	}
	c.field("again", kase.Again)
	if kase.Suggestion != "" {
		c.field("if known", "give a reason and add to the list of known deviations:")
		for line := range strings.SplitSeq(strings.TrimSpace(kase.Suggestion), "\n") {
			c.print("      " + c.paint.dim(line))
		}
	}
}

func (c *Console) field(name, text string) {
	if text == "" {
		return
	}
	for i, line := range strings.Split(clip(text, maxLines), "\n") {
		if i > 0 {
			name = ""
		}
		c.print(fmt.Sprintf("    %-10s %s", name, line))
	}
}

// clip bounds a text in lines and columns.
func clip(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	kept := all[:min(len(all), lines)]
	for i, line := range kept {
		kept[i] = visible.Short(line, maxColumns)
	}
	if left := len(all) - len(kept); left > 0 {
		kept[len(kept)-1] += fmt.Sprintf(" … (%d more lines)", left)
	}
	return strings.Join(kept, "\n")
}

func (c *Console) problems(m verdict.Model) {
	for i, p := range m.Problems {
		if i == 0 {
			c.print("")
		}
		if i == maxFindings {
			c.print(fmt.Sprintf("and %d more; the report has them all", len(m.Problems)-i))
			return
		}
		text := clip(p.Text, 2)
		if p.Case != "" {
			text = p.Case + ": " + text
		}
		c.print(c.paint.tone(words.Bad, string(p.Kind)) + "  " + text)
		if p.Seen != "" {
			c.field("pattern", p.Pattern)
			c.field("seen", p.Seen)
		}
	}
}

// answer is the last line: verdict, numbers, report, exit code.
func (c *Console) answer(m verdict.Model, profile verdict.ProfileName, report string, exit int) string {
	headline, tone := words.Headline(m.Answer(profile))
	parts := []string{c.paint.tone(tone, headline)}
	for _, p := range m.Profiles {
		if profile == verdict.Any || p.Name == profile {
			parts = append(parts, fmt.Sprintf("%s: %s", p.Name, words.Numbers(p)+"; "+words.Tested(p)))
		}
	}
	if m.Partial() {
		parts = append(parts, "partial: "+strings.Join(words.Partial(m), "; "))
	}
	if report != "" {
		parts = append(parts, report)
	}
	return strings.Join(append(parts, fmt.Sprintf("exit %d", exit)), " · ")
}
