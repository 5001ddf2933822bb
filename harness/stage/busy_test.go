package stage

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/record"
)

// On a busy machine a wait is longer, and what was awaited in vain says so; the time
// within which a requirement demands something is the same.
func TestAWaitInVainSaysThatTheMachineIsBusy(t *testing.T) {
	for factor, want := range map[int]string{1: "within 2ms: ", 3: "within 6ms (a busy machine: 3 times 2ms): "} {
		for name, say := range map[string]func(Check, *Run){
			"within": func(_ Check, r *Run) { r.EndWithin(2e6) },
			"until":  func(c Check, r *Run) { c.stage.spec.Patience = 2e6; r.AtOrEnded("here") },
		} {
			o := seen(t, func(c Check) {
				c.stage.ctx = context.Background()
				c.stage.session = &Session{Busy: func() int { return factor }}
				say(c, facts{pid: 7}.run(c, ""))
			})
			if o == nil || !strings.HasPrefix(o.Expected, want) {
				t.Errorf("%s, factor %d: %+v, want %q", name, factor, o, want)
			}
		}
	}
}

// A text of which the end is missing could hold what a check says is not there.
func TestOutputThatIsNotKeptCannotBeJudged(t *testing.T) {
	o := seen(t, func(c Check) {
		c.stage.ctx, c.stage.session = context.Background(), &Session{}
		r := facts{}.over(c, "success")
		r.said["stderr"].Add(make([]byte, record.MaxKept+1))
		r.Succeeds()
	})
	if o == nil || o.Outcome != journal.HarnessError || !strings.Contains(o.Says, "octets more on one channel") {
		t.Errorf("%+v", o)
	}
}
