package bundles

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/onsi/gomega"

	"github.com/understudy-conformance/understudy/fixtures/gitrepo"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var eightTasksOneVersion = stage.Spec{
	Slug:     "eight-tasks-one-version",
	Says:     "eight tasks of alice, bob and carol ask at once for one version: each runs as its user from one whole tree, and the upstream saw one connection",
	Verifies: []string{"BND-001", "BND-026", "IMP-019"},
	Roles:    []role.Role{role.Worker},
	Needs:    []string{"git-bundles"},
	Budget:   180 * time.Second,
	Patience: 60 * time.Second, // all eight start at once
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		var runs []*stage.Run
		users := []string{"alice", "bob", "carol", "alice", "bob", "carol", "alice", "bob"}
		for _, user := range users {
			runs = append(runs, s.Start(stage.Task{As: user, Settings: u.settings, BundleVersion: u.version, Verbs: stage.Verbs(stage.WaitFor("here"))}))
		}
		for i, run := range runs {
			s.Require("IMP-019").RunsAs(run, "here", users[i])
		}
		u.isWhole(s, "BND-001", u.tree(s, "BND-001"))
		for _, run := range runs {
			run.Release("here")
		}
		for _, run := range runs {
			run.Succeeds()
		}
		s.Require("BND-026").Equal("connections to the upstream repository", u.server.Connections(), 1)
	},
}

var versionPresent = stage.Spec{
	Slug:     "version-present",
	Says:     "a version that is present serves carol, who reads every file of it, while the upstream repository is gone",
	Verifies: []string{"BND-023", "BND-021"},
	Roles:    []role.Role{role.Worker},
	Needs:    []string{"git-bundles"},
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		s.Start(stage.Task{Settings: u.settings, BundleVersion: u.version}).Succeeds()
		s.Require("BND-023").That("control: connections to the upstream repository", u.server.Connections(), gomega.BeNumerically(">", 0))
		dir := u.tree(s, "BND-023")
		s.Must(u.server.Close())

		verbs := stage.Verbs(stage.WaitFor("here"))
		paths, tree := u.history.Paths(gitrepo.Version), u.history.Tree(gitrepo.Version)
		for i, path := range paths {
			verbs = append(verbs, stage.ReadFile(filepath.Join(dir, path)).Save(fmt.Sprint("file-", i)))
		}
		carol := s.Start(stage.Task{As: "carol", Settings: u.settings, BundleVersion: u.version, Verbs: verbs})
		s.Require("BND-023").RunsAs(carol, "here", "carol")
		carol.Release("here")
		carol.Succeeds()
		for i, path := range paths {
			s.Require("BND-021").Equal("content of "+path+" as carol reads it", carol.Result(fmt.Sprint("file-", i)),
				map[string]any{"size": tree[path].Size, "sha256": tree[path].SHA256})
		}
	},
}
