package impersonation

import (
	"fmt"
	"slices"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// hasGroups requires exactly the groups of an account: its own as real, effective and
// saved gid, and as supplementary ones those of the account database. The kernel's list
// may or may not repeat the account's own group.
func hasGroups(gid, groups stage.Check, who string, task proc.Process, of account.Account) {
	gid.Equal("real, effective and saved gid of "+who+" as "+of.Name, task.GIDs[:3], []int{of.GID, of.GID, of.GID})
	supplementary := slices.DeleteFunc(slices.Clone(task.Groups), func(gid int) bool { return gid == of.GID })
	groups.Equal("supplementary groups of "+who+" as "+of.Name, append([]int{}, supplementary...), append([]int{}, of.Groups...))
}

// policy replaces the sudo policy for the time of the case.
func policy(s *stage.Stage, text string) {
	s.Step("sudo policy:\n" + text)
	s.File("/etc/sudoers", "root", 0o440, text)
	if out := s.As("root", "visudo", "-cf", "/etc/sudoers"); out.ExitCode != 0 {
		s.CouldNotRun(fmt.Sprintf("this sudo does not take the policy of the scenario: %s%s", out.Stdout, out.Stderr))
	}
}
