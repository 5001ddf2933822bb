package stage

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
)

// On a busy machine a wait is longer, and what was awaited in vain says so; the time
// within which a requirement demands something is the same.
func TestAWaitInVainSaysThatTheMachineIsBusy(t *testing.T) {
	for factor, want := range map[int]string{1: "within 2ms: ", 3: "within 6ms (a busy machine: 3 times 2ms): "} {
		for name, say := range map[string]func(Check, *Run){
			"within": func(_ Check, r *Run) { r.EndWithin(2e6) },
			"until":  func(c Check, r *Run) { c.stage.spec.Patience = 2e6; r.Beats(1) },
		} {
			o := seen(t, func(c Check) {
				c.stage.ctx, c.stage.role = context.Background(), role.Worker
				c.stage.session = &Session{Busy: func() int { return factor }}
				say(c, facts{pid: 7}.run(c, ""))
			})
			if o == nil || !strings.HasPrefix(o.Expected, want) {
				t.Errorf("%s, factor %d: %+v, want %q", name, factor, o, want)
			}
		}
	}
}

func TestABudgetThatGrewIsInTheJournal(t *testing.T) {
	for factor, want := range map[int]int64{1: 0, 3: 300_000} { // slowness 0.5
		th := newTheatre(t)
		th.Busy = func() int { return factor }
		th.require(t, th.play(t, role.Runner, Spec{Run: func(s *Stage) { s.checks("IMP-004") }}), journal.Held)
		var more int64
		for _, e := range th.events {
			if e.Step != nil && e.Step.MoreMS != 0 && e.Case == "case" && e.Step.Text == "the case has a budget of 7m30s (a busy machine: 3 times 2m30s)" {
				more = e.Step.MoreMS
			}
		}
		if more != want {
			t.Errorf("factor %d: %d ms more, want %d", factor, more, want)
		}
	}
}
