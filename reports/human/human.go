// Package human writes quantities the way people read them.
package human

import (
	"fmt"
	"time"
)

// Duration has about three digits: 820 ms, 38.1 s, 4 min 12 s, 1 h 02 min.
func Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Millisecond:
		return "0 ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// Offset is a time within a case: 0.031 s, 16.702 s.
func Offset(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// Moment is a point in time: 21 Nov 2026 22:41 UTC.
func Moment(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2 Jan 2006 15:04 UTC")
}

// Count is a number with its noun: 1 case, 2 cases.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
