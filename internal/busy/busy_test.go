package busy

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestFactorIsTheLoadOverWhatIsUsual(t *testing.T) {
	const two = "cpu  1 2\ncpu0 1 1\ncpu1 0 1\nintr 5\n"
	for _, tc := range []struct {
		load, stat string
		want       int
	}{
		{"0.00 0.00 0.00 1/99 7", two, 1},
		{"4.00 9.00 9.00 1/99 7", two, 1}, // a run alone
		{"8.10 0.00 0.00 1/99 7", two, 2},
		{"30.5 0.00 0.00 1/99 7", two, Most},
		{"1e300 0 0", two, Most},
		{"NaN 0 0", two, 1},
		{"", two, 1},
		{"30.5 0.00 0.00 1/99 7", "", 1},
	} {
		if got := factor(tc.load, tc.stat); got != tc.want {
			t.Errorf("load %q: factor %d, want %d", tc.load, got, tc.want)
		}
	}
	if got := Factor(); got < 1 || got > Most {
		t.Errorf("this machine: %d", got)
	}
}

// ends is how long a wait of d lasts where the gauge reads one of these after the
// other, the last for ever.
func ends(t *testing.T, d time.Duration, readings ...int) (took time.Duration, words string, grown []int) {
	var gauge Gauge
	if len(readings) > 0 {
		gauge = func() int {
			now := readings[0]
			readings = readings[min(1, len(readings)-1):]
			return now
		}
	}
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		w, stop := gauge.Wait(t.Context(), d, func(factor int) { grown = append(grown, factor) })
		defer stop()
		<-w.Done()
		if !errors.Is(context.Cause(w), context.DeadlineExceeded) {
			t.Errorf("cause is %v", context.Cause(w))
		}
		took, words = time.Since(begun), w.Words()
	})
	return took, words, grown
}

func TestAWaitOfAnIdleMachineLastsExactlyItsTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "time"))
		for _, readings := range [][]int{nil, {1}} {
			if took, words, grown := ends(t, d, readings...); took != d || words != d.Round(time.Millisecond).String() || grown != nil {
				rt.Fatalf("%v lasts %v, said as %q, grown %v", d, took, words, grown)
			}
		}
	})
}

func TestAWaitFitsABusyMachine(t *testing.T) {
	for _, tc := range []struct {
		readings []int
		want     time.Duration
		words    string
		grown    []int
	}{
		{[]int{3}, time.Minute, "1m0s (a busy machine: 3 times 20s)", []int{3}},
		{[]int{3, 1}, time.Minute, "1m0s (a busy machine: 3 times 20s)", []int{3}}, // was busy when it began
		{[]int{1, 2}, 40 * time.Second, "40s (a busy machine: 2 times 20s)", []int{2}},
		{[]int{1, 2, 4}, 80 * time.Second, "1m20s (a busy machine: 4 times 20s)", []int{2, 4}},
		{[]int{100}, Most * 20 * time.Second, "2m0s (a busy machine: 6 times 20s)", []int{Most}},
		{[]int{0}, 20 * time.Second, "20s", nil},
	} {
		took, words, grown := ends(t, 20*time.Second, tc.readings...)
		if took != tc.want || words != tc.words || !slices.Equal(grown, tc.grown) {
			t.Errorf("readings %v: %v, %q, grown %v", tc.readings, took, words, grown)
		}
	}
}

func TestAWaitEndsWithWhatItBelongsTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		w, stop := Gauge(func() int { return 2 }).Wait(parent, time.Hour, nil)
		defer stop()
		reason := errors.New("the reason")
		cancel(reason)
		<-w.Done()
		if context.Cause(w) != reason {
			t.Errorf("cause is %v", context.Cause(w))
		}
	})
}
