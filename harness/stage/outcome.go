package stage

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// stop is what leaves a scenario early: a panic with the observation it made.
type stop struct{ observation journal.Observation }

// violated ends the scenario: the requirement does not hold.
func (s *Stage) violated(requirement, says, expected, actual string) {
	if problems := strings.Join(s.logProblems(), "\n"); problems != "" && !strings.Contains(actual, problems) {
		actual += "\n" + problems
	}
	panic(stop{journal.Observation{
		Outcome: journal.Violated, Requirement: requirement,
		Says: s.text(says), Expected: s.text(expected), Actual: s.text(actual), Where: caller(),
	}})
}

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
