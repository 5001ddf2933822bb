// Package role holds the roles in which an implementation can be put under test.
// They are listed here and nowhere else: whatever has to know which there are, or
// shows them side by side, asks All. The manifest's published schema lists them
// once more; a test of package implementation compares the two.
package role

import (
	"slices"
	"strings"
)

// Role is the part that the implementation under test plays. The text is its name
// in flags, manifests, requirements, case ids, journals and reports. A journal or a
// file of others may hold a text that is no role, see Known.
type Role string

const (
	Runner     Role = "runner"
	Supervisor Role = "supervisor"
	Worker     Role = "worker"
)

// roles are all there are, in the order of the columns of reports.
var roles = []struct {
	role      Role
	underTest string
}{
	{Runner, "the process that executes one task"},
	{Supervisor, "the process that launches a runner"},
	{Worker, "supervisor and runner, as deployed"},
}

// All lists the roles in the order of the columns of reports. The list is the caller's own.
func All() []Role {
	all := make([]Role, 0, len(roles))
	for _, r := range roles {
		all = append(all, r.role)
	}
	return all
}

// Known says whether r is one of All.
func (r Role) Known() bool { return slices.Contains(All(), r) }

// UnderTest says what of an implementation is under test in the role, without a full
// stop; "" of a text that is no role. docs/design.md says it in the same words.
func (r Role) UnderTest() string {
	for _, known := range roles {
		if known.role == r {
			return known.underTest
		}
	}
	return ""
}

// Join puts the names in a row, with a text between each two.
func Join(list []Role, between string) string {
	names := make([]string, 0, len(list))
	for _, r := range list {
		names = append(names, string(r))
	}
	return strings.Join(names, between)
}
