package stage

import (
	"fmt"
	"slices"

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

// HasGroups requires exactly the groups of the user: its own as real, effective
// and saved gid, and as supplementary ones those of the account database. The
// kernel's list may or may not repeat the user's own group.
func (c Check) HasGroups(task proc.Process, user string) {
	account := c.stage.Account(user)
	c.Equal("real, effective and saved gid of process "+fmt.Sprint(task.PID), task.GIDs[:3], []int{account.GID, account.GID, account.GID})
	supplementary := slices.DeleteFunc(slices.Clone(task.Groups), func(gid int) bool { return gid == account.GID })
	c.Equal("supplementary groups of process "+fmt.Sprint(task.PID), append([]int{}, supplementary...), append([]int{}, account.Groups...))
}

// NoUserCode requires that the task pushed nothing at all. It means something
// only where the first verb of the task is one that pushes.
func (c Check) NoUserCode(of Started) {
	r := of.started()
	var pushed []string
	for _, key := range c.stage.World.XComs() {
		if key.Dag == r.DagID() && key.Run == r.RunID() && key.Task == r.TaskID() {
			pushed = append(pushed, key.Key)
		}
	}
	c.Empty("user code of "+r.Label()+" that ran, by the XComs it pushed", pushed...)
}
