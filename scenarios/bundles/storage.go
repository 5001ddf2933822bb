package bundles

import (
	"os"

	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var supervised = []role.Role{role.Supervisor, role.Worker}

var storageEverywhere = stage.Spec{
	Slug:     plan.Everywhere,
	Says:     "neither here nor in any other case of the role may everybody write anything below the bundle storage",
	Verifies: []string{"SEC-009.modes"},
	Roles:    supervised,
	Needs:    []string{"git-bundles"},
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		s.Start(stage.Task{Settings: u.settings, BundleVersion: u.version}).Succeeds()
		s.Require("SEC-009.modes").Everywhere("what everybody may write below the bundle storage")
	},
}

var untrustedRoot = stage.Spec{
	Slug:     "untrusted-root",
	Says:     "a bundle storage that alice made before, or into which everybody may write, is refused before a tree is prepared there",
	Verifies: []string{"SEC-009.foreign-root", "SEC-009.open-root"},
	Roles:    []role.Role{role.Worker},
	Needs:    []string{"git-bundles"},
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		s.Start(stage.Task{Settings: u.all(), BundleVersion: u.version}).Succeeds() // a control: the same with a root of its own
		for _, root := range []struct {
			clause, owner string
			mode          os.FileMode
		}{{"SEC-009.foreign-root", "alice", 0o775}, {"SEC-009.foreign-root", "alice", 0o777}, {"SEC-009.open-root", stage.WorkerAccount, 0o777}} {
			u.storage = s.Path("taken-by-" + root.owner + "-" + root.mode.String())
			s.Dir(u.storage, root.owner, root.mode)
			s.Must(os.Chown(u.storage, s.UID(root.owner), s.Account(stage.WorkerAccount).GID)) // the worker can write there, whoever made it
			run := s.Start(stage.Task{Settings: u.all(), BundleVersion: u.version, Verbs: stage.Verbs(stage.PushXCom("ran", s.Nonce()))})
			s.Require(root.clause).Failure(run)
			s.Require(root.clause).NoUserCode(run)
			s.Require(root.clause).Empty("trees below a root of "+root.owner+" with "+root.mode.String(), s.FindDirs(u.storage, u.version)...)
		}
	},
}
