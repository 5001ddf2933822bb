package stage

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/journal"
)

// stop is what leaves a scenario early: a panic with the observation it made.
type stop struct{ observation journal.Observation }

// violated ends the scenario: the clause does not hold.
func (s *Stage) violated(clause, says, expected, actual string) {
	s.violatedAt(caller(), clause, isControl(says), says, expected, actual)
}

// unmet ends the scenario: what the rest of it relies on did not come. The first clause
// takes the blame, of which nothing was shown.
func (s *Stage) unmet(says, expected, actual string) {
	s.violatedAt(caller(), s.first(), true, says, expected, actual)
}

// problems says what else is wrong with the runs of the case, for violations: an empty
// text says nothing of a file at a wrong path.
func (s *Stage) problems() (all []string) {
	for _, r := range s.allRuns() {
		if r.counterpart == nil {
			continue
		}
		if problem := r.counterpart.Problem(); problem != "" {
			all = append(all, problem)
		}
	}
	return all
}

// violatedAt is violated at a line of the scenario, "" for its end.
func (s *Stage) violatedAt(where, clause string, premise bool, says, expected, actual string) {
	s.judgeable(where)
	if problems := strings.Join(s.problems(), "\n"); problems != "" && !strings.Contains(actual, problems) {
		actual += "\n" + problems
	}
	if refused := strings.Join(s.misfits(false), "\n"); refused != "" && refused != actual {
		first, rest, _ := strings.Cut(actual, "\n")
		actual = strings.TrimSuffix(first+"\n"+refused+"\n"+rest, "\n") // above what is cut first
	}
	o := journal.Observation{
		Outcome: journal.Violated, Requirement: catalogue.Of(clause), Clause: clause,
		Says: s.text(says), Expected: s.text(expected), Actual: s.text(actual), Where: where,
	}
	s.record.Check(journal.Check{
		Requirement: o.Requirement, Clause: clause, What: o.Says, Premise: premise,
		Expected: o.Expected, Actual: o.Actual, Where: o.Where,
	})
	panic(stop{o})
}

// held notes that something was looked at for the clause, and is as it should be.
func (s *Stage) held(clause, what, expected, actual string) {
	s.holds(journal.Check{Clause: clause, What: what, Premise: isControl(what), Expected: expected, Actual: actual})
}

// came notes that something came that was waited for. What follows relies on that, and
// so it shows nothing by itself.
func (s *Stage) came(awaited, limit string) {
	s.holds(journal.Check{Clause: s.first(), What: "waited for " + awaited, Premise: true, Expected: limit})
}

func (s *Stage) holds(c journal.Check) {
	c.Requirement, c.Held, c.Where = catalogue.Of(c.Clause), true, caller()
	s.record.Check(c)
}

// isControl says whether a check only makes sure that another one can mean something:
// scenarios call it so.
func isControl(what string) bool { return strings.HasPrefix(what, "control: ") }

// CouldNotRun ends the scenario: the sandbox does not offer what it needs.
func (s *Stage) CouldNotRun(why string) {
	panic(stop{journal.Observation{Outcome: journal.CouldNotRun, Says: s.text(why), Where: caller()}})
}

// broken ends the scenario: something in the harness went wrong.
func (s *Stage) broken(format string, args ...any) {
	panic(stop{journal.Observation{
		Outcome: journal.HarnessError, Says: s.text(fmt.Sprintf(format, args...)), Where: caller(),
	}})
}

// must ends the scenario by a harness error if err is one.
func (s *Stage) must(err error) {
	if err != nil {
		s.broken("%v", err)
	}
}

// caller is the nearest place outside the stage and its doors: the line of the scenario.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "/harness/stage") || strings.HasSuffix(frame.File, "_test.go") {
			return place(frame.File, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// place names a line by the last three parts of its path: the module's own
// prefix differs between builds.
func place(file string, line int) string {
	dir, base := filepath.Split(file)
	dir = filepath.Clean(dir)
	return fmt.Sprintf("%s:%d", filepath.Join(filepath.Base(filepath.Dir(dir)), filepath.Base(dir), base), line)
}
