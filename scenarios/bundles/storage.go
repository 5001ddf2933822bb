package bundles

import (
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
