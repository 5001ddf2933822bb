package run

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/internal/busy"
)

// ended plays one sandbox with one case, of a budget of 1 s, and returns when it was
// ended from outside, and why.
func ended(t *testing.T, gauge busy.Gauge, play script) (after time.Duration, why string) {
	t.Helper()
	var record bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		limits := DefaultLimits(1)
		limits.Busy = gauge
		backend := &stageless{play: func(life context.Context, n int, in *inside) error {
			if n > 1 {
				return in.all()
			}
			err := play(life, n, in)
			<-life.Done()
			after = time.Since(begun)
			return err
		}}
		if err := Run(t.Context(), Options{Backend: backend, Cases: cases("a"), Journal: journal.NewWriter(&record, nil), Watch: func(journal.Event) {}, Limits: limits}); err != nil {
			t.Error(err)
		}
	})
	events, err := journal.ReadAll(&record)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.SandboxLost != nil {
			return after, e.SandboxLost.Why
		}
	}
	return after, ""
}

func always(factor int) busy.Gauge { return func() int { return factor } }

// later is a machine that is busy only when a limit would end.
func later(factor int) busy.Gauge {
	readings := 0
	return func() int {
		if readings++; readings <= 2 { // of the sandbox, of the case
			return 1
		}
		return factor
	}
}

func TestTheOuterCommandWaitsAsLongAsTheStage(t *testing.T) {
	silent := func(context.Context, int, *inside) error { return nil }
	opens := func(_ context.Context, _ int, in *inside) error { in.begin(); return nil }
	longer := func(of string, more ...time.Duration) script {
		return func(_ context.Context, _ int, in *inside) error {
			in.begin()
			for _, d := range more {
				in.Write(journal.Event{Case: of, Step: &journal.Step{Who: journal.Stage, MoreMS: d.Milliseconds()}})
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		gauge busy.Gauge
		play  script
		after time.Duration
		why   string
	}{
		"an idle machine, a case":          {nil, opens, 11 * time.Second, "budget of 1s and 10s more"},
		"an idle machine, measured":        {always(1), opens, 11 * time.Second, "budget of 1s and 10s more"},
		"an idle machine, silence":         {always(1), silent, 5 * time.Minute, "nothing was heard from the sandbox for 5m0s"},
		"a busy machine, silence":          {always(3), silent, 15 * time.Minute, "for 15m0s (a busy machine: 3 times 5m0s)"},
		"a busy machine, a case":           {always(3), opens, 31 * time.Second, "1s and 30s (a busy machine: 3 times 10s) more"},
		"busy only when it would end":      {later(2), opens, 21 * time.Second, "1s and 20s (a busy machine: 2 times 10s) more"},
		"the stage alone saw it":           {always(1), longer("a", time.Second, 5*time.Second), 16 * time.Second, "budget of 6s and 10s more"},
		"the stage never makes it shorter": {always(1), longer("a", 5*time.Second, -time.Hour), 16 * time.Second, "budget of 6s"},
		"another case was given more":      {always(1), longer("b", time.Hour), 11 * time.Second, "budget of 1s and"},
	} {
		t.Run(name, func(t *testing.T) {
			after, why := ended(t, tc.gauge, tc.play)
			if after != tc.after || !strings.Contains(why, tc.why) {
				t.Errorf("ended after %v: %q; want %v, %q", after, why, tc.after, tc.why)
			}
		})
	}
}

func TestLimitsMeasureTheMachine(t *testing.T) {
	if DefaultLimits(1).Busy == nil {
		t.Error("the machine is never busy")
	}
}
