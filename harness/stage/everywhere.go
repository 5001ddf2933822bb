package stage

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/leak"
	"github.com/understudy-conformance/understudy/harness/proc"
)

// invariant is a clause that has to hold in every case, whatever it is about. The stage looks
// whether it does when it sees a process first, whenever a task stands at a barrier, and at the
// end. Where it does not, the journal gets a witness, and the case goes on: it is the case
// "everywhere" of that clause which is violated, see plan.Case.Everywhere.
type invariant struct{ clause, broken, instead string }

// ofTokens and ofStartups are what a token, or startup data, in a place breaks.
var (
	ofTokens = map[leak.Place]invariant{
		leak.Arguments:   {"SEC-001.arguments", "the token stands among the arguments of a process", "among the arguments of no process"},
		leak.Environment: {"SEC-001.environment", "the token stands in the environment of a process", "in the environment of no process"},
		leak.OpenFile:    {"SEC-001.file", "the token stands in a file that the user of a task can read", "in no file that another user than the worker can read"},
		leak.OwnFile:     {"SEC-001.file", "the token stands in a file that the user of a task can read", "in no file that another user than the worker can read"},
	}
	ofStartups = map[leak.Place]invariant{
		leak.Arguments:   {"SEC-004.other-users", "startup data stands among the arguments of a process", "among the arguments of no process"},
		leak.Environment: {"SEC-004.same-user", "startup data stands in the environment of a process", "in the environment of no process"},
		leak.OpenFile:    {"SEC-004.other-users", "startup data stands in a file that every user can read", "in no file that another user can read"},
		leak.OwnFile:     {"SEC-004.same-user", "startup data stands in a file that other tasks of the user can read", "in no file of the user of a task"},
	}
	ofStorage = invariant{"SEC-009.modes", "everybody may write below the bundle storage", "no write permission for others below the bundle storage"}
	ofLogs    = invariant{"SEC-011.logs", "a secret stands in a log", "masked wherever it is logged"}
)

const (
	maxWitnesses   = 3 // of a clause and case
	shortestSecret = 8 // octets; a shorter one may occur in any log

	ofToken, ofStartup = "token", "startup data" // kinds of secrets
)

// Invariants lists the clauses that have to hold in every case. Each belongs to a scenario
// whose slug is plan.Everywhere.
func Invariants() []string {
	clauses := []string{ofStorage.clause, ofLogs.clause}
	for _, places := range []map[leak.Place]invariant{ofTokens, ofStartups} {
		for _, one := range places {
			clauses = append(clauses, one.clause)
		}
	}
	slices.Sort(clauses)
	return slices.Compact(clauses)
}

// Everywhere requires that the stage has seen nothing so far in this case that breaks the
// clause, and looks once more.
func (c Check) Everywhere(what string) {
	s := c.stage
	if !slices.Contains(Invariants(), c.clause) {
		s.broken("%s is not among the clauses that are looked at everywhere", c.clause)
	}
	s.lookAround("at the end")
	s.lookAtLogs()
	c.unseen(what)
}

func (c Check) unseen(what string) {
	c.stage.mu.Lock()
	seen := c.stage.seen[c.clause]
	c.stage.mu.Unlock()
	if len(seen) > 0 {
		c.fails(seen[0].What, seen[0].Expected, seen[0].Actual)
	}
	c.held(what, "none at any barrier, in any new process and at the end", "none")
}

// breaks notes a sight that breaks an invariant, unless the case has enough of them.
func (s *Stage) breaks(one invariant, saw string) {
	w := journal.Witness{Role: s.role, Clause: one.clause, What: one.broken, Expected: one.instead, Actual: s.text(saw)}
	s.mu.Lock()
	fresh := !slices.Contains(s.seen[one.clause], w) && len(s.seen[one.clause]) < maxWitnesses
	if fresh {
		if s.seen == nil {
			s.seen = map[string][]journal.Witness{}
		}
		s.seen[one.clause] = append(s.seen[one.clause], w)
	}
	s.mu.Unlock()
	if fresh {
		s.record.Put(journal.Event{Witness: &w})
	}
}

// secrets are the tokens of all tasks, and of the startup data of each an id that stands in
// it and in nothing else.
func (s *Stage) secrets() (tokens, startups []leak.Secret) {
	for _, r := range s.allRuns() {
		ti, known := s.World.Task(r.ti)
		if !known {
			continue // something beside tasks, such as a server
		}
		tokens = append(tokens, leak.New(ofToken, r.label, ti.Token), leak.New(ofToken, r.label, ti.Refreshed))
		startups = append(startups, leak.New(ofStartup, r.label, ti.DagVersionID))
	}
	return tokens, startups
}

// lookAt looks for secrets in what the kernel shows of a process to others.
func (s *Stage) lookAt(p proc.Process, moment string) {
	tokens, startups := s.secrets()
	leak.Process(p, tokens, func(secret leak.Secret, at leak.Place, where string) {
		s.breaks(ofTokens[at], fmt.Sprintf("%s: %s %s", moment, secret, where))
	})
	leak.Process(p, startups, func(secret leak.Secret, at leak.Place, where string) {
		if at != leak.Environment || p.UIDs != [4]int{} { // root's own nobody else can read
			s.breaks(ofStartups[at], fmt.Sprintf("%s: %s %s", moment, secret, where))
		}
	})
}

// lookAround looks for secrets in files that tasks can read, and for what
// everybody may write below the bundle storage.
func (s *Stage) lookAround(moment string) {
	tokens, startups := s.secrets()
	leak.Files(append([]string{s.dir}, account.Reachable()...), append(tokens, startups...),
		func(secret leak.Secret, at leak.Place, path, mode string) {
			saw := fmt.Sprintf("%s: %s in %s, %s", moment, secret, s.short(path), mode)
			switch {
			case secret.Kind == ofToken:
				s.breaks(ofTokens[at], saw)
			case !leak.Below(path, s.Path("logs")): // what a log may tell of a task is another matter
				s.breaks(ofStartups[at], saw)
			}
		}, func(path, mode string) {
			if leak.Below(path, s.Path("bundles")) {
				s.breaks(ofStorage, fmt.Sprintf("%s: %s, %s", moment, s.short(path), mode))
			}
		})
}

// lookAtLogs looks for secrets of the world in what was logged and printed.
func (s *Stage) lookAtLogs() {
	for _, r := range s.allRuns() {
		texts := map[string]string{"standard output": r.said["stdout"].String(), "standard error": r.said["stderr"].String()}
		if r.counterpart != nil {
			texts["the task log"], _ = r.counterpart.Log().Text()
		}
		for where, text := range texts {
			if slices.ContainsFunc(s.World.Secrets(), func(secret string) bool {
				return len(secret) >= shortestSecret && strings.Contains(text, secret)
			}) {
				s.breaks(ofLogs, fmt.Sprintf("a secret in %s of %s", where, r.label))
			}
		}
	}
}

// short is a path in words that are the same in each run, where it has any.
func (s *Stage) short(path string) string {
	if rel, err := filepath.Rel(s.dir, path); err == nil && leak.Below(path, s.dir) {
		return rel + " in the folder of the case"
	}
	return path
}
