package worker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// cleanUpTime is what a case may usually take beyond its budget to clean up. A
// case that needs more is given up, and the sandbox with it: by the outer command,
// and by Ginkgo when no machine is busy enough for that.
const cleanUpTime = 30 * time.Second

// failed takes Ginkgo's word on the whole suite, which the journal says better.
type failed struct{}

func (failed) Fail() {}

// playAll builds one Ginkgo spec a case, in the order of the plan, and runs them. Ginkgo wants to
// know all of them before; those that are not this sandbox's to play are skipped.
func (pl *player) playAll(work []task) {
	open := &opened{write: pl.write, attempt: pl.session.Plan.Attempt, grace: pl.grace}
	ginkgo.Describe("understudy", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
		for _, t := range work {
			ginkgo.It(t.kase.ID, ginkgo.SpecTimeout(pl.session.Busy.Longest(pl.session.Budget(t.kase)+pl.grace)), ginkgo.GracePeriod(time.Second),
				func(ctx ginkgo.SpecContext) { pl.playOne(ctx, t, open) })
		}
		// What Ginkgo ended, and not the case itself, still gets its end.
		ginkgo.ReportAfterEach(func(report ginkgo.SpecReport) {
			if open.end(report.LeafNodeText, stage.Ended{Observation: journal.Observation{Outcome: journal.HarnessError, Says: report.FailureMessage()}}) {
				pl.stopped = report.LeafNodeText + " did not come to its end"
			}
		})
	})
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.Timeout = 0 // the outer command holds the time of the whole
	reporter.NoColor = true
	reporter.Succinct = true
	ginkgo.RunSpecs(failed{}, "understudy", suite, reporter)
}

// ask learns which case is next, unless it is known.
func (pl *player) ask(ctx context.Context) {
	if pl.stopped != "" || pl.over || pl.turn != "" {
		return
	}
	pl.write(journal.Event{Attempt: pl.session.Plan.Attempt, Ready: &journal.Ready{}})
	select {
	case id, open := <-pl.named:
		pl.turn, pl.over = id, id == ""
		if !open {
			pl.stopped = "the input ended before it named the next case"
		}
	case <-ctx.Done():
		pl.stopped = "nothing named the next case"
	}
}

func (pl *player) playOne(ctx ginkgo.SpecContext, t task, open *opened) {
	pl.ask(ctx)
	if pl.stopped != "" {
		ginkgo.Skip(pl.stopped)
	}
	if pl.turn != t.kase.ID {
		ginkgo.Skip("not for this sandbox")
	}
	pl.turn = ""
	open.begin(t.kase, pl.session.Budget(t.kase))
	seen, unable := pl.unable[t.kase.Role]
	ended := stage.Ended{Observation: seen}
	if !unable {
		ended = pl.session.Play(ctx, t.spec, t.kase)
	}
	open.end(t.kase.ID, ended)
	if ctx.Err() != nil {
		pl.stopped = t.kase.ID + " was ended from outside"
	} else if len(ended.Dirty) > 0 {
		pl.stopped = "after " + t.kase.ID + ": " + strings.Join(ended.Dirty, "; ")
	}
	tell(ended.Observation)
}

// tell gives Ginkgo's own report the outcome.
func tell(o journal.Observation) {
	text := strings.Join([]string{string(o.Outcome), o.Requirement, o.Says, o.Expected, o.Actual}, "\n")
	switch o.Outcome {
	case journal.Held:
	case journal.NotApplicable, journal.CouldNotRun:
		ginkgo.Skip(text)
	default:
		ginkgo.Fail(text)
	}
}

// opened is the case whose start stands in the journal and whose end does not.
type opened struct {
	write   func(journal.Event)
	attempt int
	grace   time.Duration

	mu    sync.Mutex
	kase  plan.Case
	since time.Time
}

func (o *opened) begin(c plan.Case, budget time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kase, o.since = c, time.Now()
	fmt.Fprint(os.Stderr, plan.Mark(c.ID)) // nothing depends on it but the words of an error
	o.write(journal.Event{
		Case: c.ID, Attempt: o.attempt,
		CaseStart: &journal.CaseStart{Says: c.Says, BudgetMS: (budget + o.grace).Milliseconds()},
	})
}

// end writes the end of the case, if it is the one that is open.
func (o *opened) end(id string, seen stage.Ended) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kase.ID != id {
		return false
	}
	end := journal.End(seen.Observation, time.Since(o.since))
	end.LeftOut = seen.LeftOut
	o.write(journal.Event{Case: id, Attempt: o.attempt, CaseEnd: end})
	o.kase = plan.Case{}
	return true
}
