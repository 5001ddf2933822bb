package impersonation

import (
	"testing"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestWordsOfTheArea(t *testing.T) {
	alice := account.Account{Name: "alice", UID: 61002, GID: 61300, Groups: []int{61100, 61102}}
	groups := func(gid int, groups ...int) func(stage.Check) {
		return func(c stage.Check) {
			hasGroups(c, c, "alice", proc.Process{PID: 5, GIDs: [4]int{gid, gid, gid, gid}, Groups: groups}, alice)
		}
	}
	none := func(list ...string) func(stage.Check) {
		return func(c stage.Check) { noneOf(c, "n", list, "HOME", "SECRET") }
	}
	for name, test := range map[string]struct {
		check func(stage.Check)
		holds bool
	}{
		"nothing forbidden":             {none("HOME"), true},
		"something forbidden":           {none("HOME", "SECRET"), false},
		"control not there":             {none(), false},
		"groups of alice":               {groups(61300, 61100, 61102, 61300), true},
		"groups without the own":        {groups(61300, 61100, 61102), true},
		"a group is missing":            {groups(61300, 61100, 61300), false},
		"a group of the worker is left": {groups(61300, 61001, 61100, 61102, 61300), false},
		"gid of another":                {groups(61003, 61100, 61102), false},
		"uid as gid":                    {groups(61002, 61100, 61102), false},
	} {
		if holds := theatre.Holds(t, test.check); holds != test.holds {
			t.Errorf("%s: holds is %v", name, holds)
		}
	}
}
