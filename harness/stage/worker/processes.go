package worker

import (
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// Over waits for the end of these processes, and describes those that live after the
// limit, whatever the slowness of the implementation. That some do is no violation.
func (s *Stage) Over(within time.Duration, processes ...proc.Process) (left []string) {
	until(s, within, func() bool { return !slices.ContainsFunc(processes, proc.Process.Alive) })
	for _, p := range processes {
		if p.Alive() {
			left = append(left, p.String())
		}
	}
	return left
}

// until asks again and again, since the kernel has no event for it, whether something
// holds, until it does or the limit or the case is over.
func until(s *Stage, limit time.Duration, holds func() bool) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(proc.Every)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline.C:
			return
		case <-s.Context().Done():
			return
		}
	}
}
