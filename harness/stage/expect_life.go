package stage

import (
	"fmt"
	"slices"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
)

// execBound is how long a process may take for an exec that it has begun. Who
// started it is told of success before the kernel shows name, arguments and
// environment of the new program.
const execBound = 2 * time.Second

// Lives requires that a process of that user and name lives, and returns it once
// /proc shows all of it: the control before its end is required.
func (c Check) Lives(user, name string) proc.Process {
	bound, stop := c.stage.wait(c.stage.scaled(execBound))
	defer stop()
	again := time.NewTicker(proc.Every)
	defer again.Stop()
	for {
		living := c.stage.alive(user)
		i := slices.IndexFunc(living, func(p proc.Process) bool { return p.Name == name && p.Executed() })
		if i >= 0 {
			c.held(fmt.Sprintf("control: process %d (%s) of %s lives", living[i].PID, name, user), fmt.Sprintf("a process %q of %s", name, user), living[i].String())
			return living[i]
		}
		select {
		case <-again.C:
			continue
		case <-bound.Done(): // the case ends it, too
		}
		c.dead(user, name, living)
	}
}

func (c Check) dead(user, name string, living []proc.Process) {
	c.fails("a process that should live does not", fmt.Sprintf("a process %q of %s", name, user), proc.Lines(living))
}

// AllGone requires that no process of the user lives any more after the limit,
// as Stage.Gone does.
func (c Check) AllGone(within time.Duration, user string) {
	if left := c.stage.Gone(within, user); len(left) > 0 {
		c.left(within, user, left)
	}
	c.held("processes of "+user+" that are left", fmt.Sprintf("no process of %s lives after %v", user, within), "none")
}

func (c Check) left(within time.Duration, user string, left []proc.Process) {
	c.fails("processes of the task are left", fmt.Sprintf("no process of %s lives after %v", user, within), proc.Lines(left))
}

// EndsWithin waits for the end of the process that was started, but not longer
// than the limit, whatever the slowness of the implementation, and reports
// whether it ended. Neither answer is a violation.
func (r *Run) EndsWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
	case <-r.stage.ctx.Done():
	}
	return r.Ended()
}

// AtOrEnded waits until the task stands at the barrier or its channels end,
// whichever comes first, and reports whether it is at the barrier.
func (r *Run) AtOrEnded(barrier string) bool {
	return r.await(fmt.Sprintf("%s to reach barrier %s, or to end", r.label, barrier), func() bool { return r.Pushed("at_" + barrier) })
}
