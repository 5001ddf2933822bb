package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/commons"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/wall"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// casesRoot holds a folder a case.
const casesRoot = "/srv/understudy"

// Run plays, of the scenarios in the areas, those cases of the plan on planFD that lines on inputFD name, one each time that it asks, and
// writes the journal to journalFD. doors are those of the roles that it can play. It returns the exit code: 0 whenever the journal is complete, whatever it says.
func Run(ctx context.Context, areas []stage.Area, doors stage.Doors) (int, error) {
	unix.CloseOnExec(inputFD)
	unix.CloseOnExec(planFD)
	unix.CloseOnExec(journalFD)
	unix.Umask(0o022)
	if err := wall.Disinherit(); err != nil {
		return 0, err
	}
	p, err := readPlan(os.NewFile(planFD, "plan"))
	if err != nil {
		return 0, err
	}
	work, err := find(areas, p.Cases)
	if err != nil {
		return 0, err
	}
	write := recorder(os.NewFile(journalFD, "journal"))
	pl := &player{
		session: &stage.Session{Plan: p, Doors: doors, Write: write, Root: casesRoot, Tidy: tidy, Busy: busy.Factor},
		write:   write, unable: map[role.Role]journal.Observation{}, grace: cleanUpTime,
		named: lines(os.Stdin),
	}
	pl.prepare(ctx)
	pl.playAll(work)
	if pl.stopped == "" && pl.turn != "" {
		return 0, fmt.Errorf("it shall play %q, which is not among the cases that come after those it has played", pl.turn)
	}
	write(journal.Event{Attempt: p.Attempt, SandboxEnd: &journal.SandboxEnd{Stopped: pl.stopped}})
	return 0, nil
}

// tidy leaves the sandbox to the next case as it was.
func tidy() error { return errors.Join(endStrangers(), account.RemoveFiles()) }

func readPlan(from io.ReadCloser) (plan.Plan, error) {
	defer from.Close()
	var p plan.Plan
	text, err := io.ReadAll(from)
	if err != nil {
		return p, fmt.Errorf("read plan: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("read plan of %d octets: %w", len(text), err)
	}
	return p, nil
}

// lines returns the lines of the input without their ends, until the input ends.
func lines(input io.Reader) <-chan string {
	each := make(chan string)
	go func() {
		defer close(each)
		for in := bufio.NewScanner(input); in.Scan(); {
			each <- in.Text()
		}
	}()
	return each
}

// task is one case with its scenario.
type task struct {
	spec stage.Spec
	kase plan.Case
}

// find looks up the scenario of each case, in the order of the plan.
func find(areas []stage.Area, cases []plan.Case) ([]task, error) {
	byID := map[string]stage.Spec{}
	for _, area := range areas {
		for _, spec := range area.Scenarios {
			for _, c := range spec.Cases(area.Name) {
				byID[c.ID] = spec
			}
		}
	}
	var work []task
	for _, c := range cases {
		spec, ok := byID[c.ID]
		if !ok {
			return nil, fmt.Errorf("the plan has case %s, which this worker does not: they were built from different sources", c.ID)
		}
		work = append(work, task{spec, c})
	}
	return work, nil
}

// player plays cases one after the other.
type player struct {
	named   <-chan string // what the outer command answers: the next case, "" for none
	turn    string        // the case that it named last and that was not played yet
	over    bool          // it named none
	session *stage.Session
	write   func(journal.Event)
	unable  map[role.Role]journal.Observation // roles that cannot be played, and why
	grace   time.Duration                     // beyond the budget of a case
	stopped string                            // why no further case is played here
}

// prepare finds out what cannot run in the sandbox, and describes it.
func (pl *player) prepare(ctx context.Context) {
	p := pl.session.Plan
	fault := preflight(ctx)
	if fault == nil {
		pl.session.Commons, fault = commons.Note("/")
	}
	as, misled := airflow(ctx, p)
	pl.session.Release = as
	pl.write(journal.Event{Attempt: p.Attempt, SandboxStart: &journal.SandboxStart{Environment: environment(ctx, p, as)}})
	if err := endStrangers(); fault == nil { // commands of the manifest have run
		fault = err
	}
	for _, r := range roles(p.Cases) {
		var seen journal.Observation
		switch {
		case fault != nil:
			seen = journal.Observation{Outcome: journal.CouldNotRun, Says: "the sandbox does not permit what is tested: " + fault.Error()}
		case misled != nil:
			seen = journal.Observation{Outcome: journal.CouldNotRun, Misled: true, Says: misled.Error()}
		default:
			seen = pl.control(ctx, r)
		}
		if seen.Outcome == journal.CouldNotRun {
			pl.unable[r] = seen
		}
		pl.write(journal.Event{Attempt: p.Attempt, Control: &journal.Control{Role: r, Observation: seen}})
	}
}

// roles lists the roles of the cases in the order in which they come.
func roles(cases []plan.Case) []role.Role {
	var list []role.Role
	for _, c := range cases {
		if !slices.Contains(list, c.Role) {
			list = append(list, c.Role)
		}
	}
	return list
}

// controlBudgetMS is the time for a plain task, in milliseconds and before slowness is applied.
const controlBudgetMS = 60_000

// control runs a plain task as the worker account: an implementation that cannot
// do that shows nothing about impersonation.
func (pl *player) control(ctx context.Context, r role.Role) journal.Observation {
	if pl.session.Doors[r] == nil {
		return journal.Observation{Outcome: journal.CouldNotRun, Says: "the stage cannot play role " + string(r) + " yet"}
	}
	spec := stage.Spec{
		Slug: "control", Says: "a plain task of the worker account succeeds",
		Run: func(s *stage.Stage) { s.Start(stage.Task{}).Succeeds() },
	}
	return controlled(pl.session.Play(ctx, spec, plan.Case{Role: r, BudgetMS: controlBudgetMS}))
}

// controlled is what a control says that ended like that: it held and left nothing
// behind, or the cases of its role cannot run. An implementation of which the server
// refuses what it sends can be judged: its cases are violated by that.
func controlled(ended stage.Ended) journal.Observation {
	seen := ended.Observation
	switch {
	case seen.Outcome == journal.Held && len(ended.Dirty) == 0:
		return seen
	case seen.Outcome == journal.Held:
		return journal.Observation{
			Outcome: journal.CouldNotRun,
			Says:    "a plain task of the worker account leaves the sandbox other than it was: " + strings.Join(ended.Dirty, "; "),
		}
	case seen.Outcome == journal.CouldNotRun, seen.Outcome == journal.Violated && ended.Refused && len(ended.Dirty) == 0:
		return seen
	}
	seen.Outcome = journal.CouldNotRun
	seen.Says = "a plain task of the worker account does not succeed: " + seen.Says
	if seen.Actual != "" {
		seen.Says += ": " + seen.Actual
	}
	return seen
}
