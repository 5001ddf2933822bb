// Package busy says how busy the machine is, and makes waits that last longer on
// one that is: there everything takes longer, and nothing follows from that. Times
// that a requirement names are no case for it.
package busy

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Most is the greatest factor: what takes longer is not the machine's fault alone.
const Most = 6

// usual is how many processes may want to run on a CPU before the machine counts as
// busy: a run alone has two sandboxes there, and usual times fit that.
const usual = 2

// Gauge tells by which factor waits are longer now, from 1 to Most. The nil Gauge
// always says 1.
type Gauge func() int

// Factor is the Gauge of this machine: from its load in the last minute, in a
// sandbox as well as outside. Where the load cannot be read it says 1.
func Factor() int {
	load, _ := os.ReadFile("/proc/loadavg")
	stat, _ := os.ReadFile("/proc/stat")
	return factor(string(load), string(stat))
}

// factor is the load of /proc/loadavg over what the CPUs of /proc/stat usually bear.
// Not runtime.NumCPU: the load is that of all CPUs, and not of those of a sandbox.
func factor(loadavg, stat string) int {
	minute, _, _ := strings.Cut(loadavg, " ")
	load, err := strconv.ParseFloat(minute, 64)
	cpus := strings.Count(stat, "\ncpu") // the first line is the sum of all
	if err != nil || math.IsNaN(load) || cpus == 0 {
		return 1
	}
	return int(min(Most, max(1, math.Round(load/float64(usual*cpus)))))
}

// Now reads the gauge.
func (g Gauge) Now() int {
	if g == nil {
		return 1
	}
	return min(Most, max(1, g()))
}

// Longest is the time that a wait may become.
func (g Gauge) Longest(d time.Duration) time.Duration {
	if g == nil {
		return d
	}
	return Most * d
}

// Wait is a context that ends, with context.DeadlineExceeded as its cause, when its
// time has passed as often as the greatest factor says that was read: when it began,
// and each time when it would have ended.
type Wait struct {
	context.Context
	time   time.Duration
	factor atomic.Int64
}

// Wait begins a wait of the time d. Whenever the factor grows beyond 1, grown is
// called with it; grown may be nil, and is not called once stop has returned.
func (g Gauge) Wait(parent context.Context, d time.Duration, grown func(factor int)) (w *Wait, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	w = &Wait{Context: ctx, time: d}
	w.factor.Store(1)
	begun := time.Now()
	left := func() time.Duration {
		if now := g.Now(); now > w.Factor() {
			w.factor.Store(int64(now))
			if grown != nil {
				grown(now)
			}
		}
		return time.Until(begun.Add(w.Time()))
	}
	timer := time.NewTimer(left())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			more := left()
			if more <= 0 {
				cancel(context.DeadlineExceeded)
				return
			}
			timer.Reset(more)
		}
	}()
	return w, func() { cancel(nil); <-ended }
}

// Factor is the factor by which the wait is longer so far.
func (w *Wait) Factor() int { return int(w.factor.Load()) }

// Time is how long the wait lasts so far, from its beginning.
func (w *Wait) Time() time.Duration { return time.Duration(w.Factor()) * w.time }

// Words are the time of the wait, and why it is not the usual one.
func (w *Wait) Words() string { return Words(w.time, w.Factor()) }

// Words are a time with a factor, and why it is not the usual one.
func Words(d time.Duration, factor int) string {
	d = d.Round(time.Millisecond)
	if factor <= 1 {
		return d.String()
	}
	return fmt.Sprintf("%v (a busy machine: %d times %v)", time.Duration(factor)*d, factor, d)
}
