package stage

import (
	"fmt"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
)

// RunsAs waits until the run stands at the barrier and requires that the process
// there is the user's by its real, effective and saved uid.
func (c Check) RunsAs(of Started, barrier, user string) proc.Process {
	r := of.started()
	task := r.At(barrier)
	uid := c.stage.UID(user)
	c.Equal(fmt.Sprintf("real, effective and saved uid of %s at barrier %s", r.Label(), barrier), task.UIDs[:3], []int{uid, uid, uid})
	return task
}

// Refused waits for the end of a task that must not run, and requires that none of its code
// ran and that it failed. Code that runs stands at the barrier, so it is said at once as whom.
func (c Check) Refused(of Started, barrier string) End {
	r := of.started()
	if r.AtOrEnded(barrier) {
		c.fails("code of a task ran that should have been refused", "no code of "+r.label+" runs", "it ran as "+account.Named(r.At(barrier).UIDs[1]))
	}
	c.NoUserCode(r)
	return r.toFail(c.clause, false)
}

// NoUserCode requires that the task pushed nothing at all. It means something
// only where the first verb of the task is one that pushes.
func (c Check) NoUserCode(of Started) {
	r := of.started()
	var pushed []string
	for _, key := range c.stage.World.XComs() {
		if key.Dag == r.dagID && key.Run == r.runID && key.Task == r.taskID {
			pushed = append(pushed, key.Key)
		}
	}
	c.Empty("user code of "+r.Label()+" that ran, by the XComs it pushed", pushed...)
}
