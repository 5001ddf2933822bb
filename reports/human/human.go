// Package human writes quantities the way people read them.
package human

import (
	"fmt"
	"regexp"
	"strings"
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

var version = regexp.MustCompile(`\d+(\.\w+)+`)

// Place names the operating system and the versions of sudo and git from what a
// sandbox says about itself: Debian GNU/Linux 13 (trixie), sudo 1.9.16p2, git 2.47.3.
func Place(environment map[string]string) string {
	var facts []string
	if os := environment["os"]; os != "" {
		facts = append(facts, os)
	}
	for _, tool := range []string{"sudo", "git"} {
		if v := version.FindString(environment[tool]); v != "" {
			facts = append(facts, tool+" "+v)
		}
	}
	return strings.Join(facts, ", ")
}

// Count is a number with its noun: 1 case, 2 cases.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
