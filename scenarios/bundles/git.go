package bundles

import (
	"fmt"
	"os"
	"time"

	"github.com/onsi/gomega"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var eightTasksOneVersion = stage.Spec{
	Slug:     "eight-tasks-one-version",
	Says:     "eight tasks of alice, bob and carol ask at once for one version: each runs as its user from one whole tree, and the upstream saw one connection",
	Verifies: []string{"BND-001.no-error", "BND-001.one", "BND-001.complete", "BND-026.one-version", "IMP-019"},
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
		u.isWhole(s, "BND-001.complete", u.tree(s, "BND-001.one"))
		for _, run := range runs {
			run.Release("here")
		}
		for _, run := range runs {
			s.Require("BND-001.no-error").Success(run)
		}
		s.Require("BND-026.one-version").Equal("connections to the upstream repository", u.server.Connections(), 1)
	},
}

var versionPresent = stage.Spec{
	Slug:     "version-present",
	Says:     "a version that is present serves carol, who reads every file of it, while the upstream repository is gone",
	Verifies: []string{"BND-023", "BND-021.readable"},
	Roles:    []role.Role{role.Worker},
	Needs:    []string{"git-bundles"},
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		s.Start(stage.Task{Settings: u.settings, BundleVersion: u.version}).Succeeds()
		s.Require("BND-023").That("control: connections to the upstream repository", u.server.Connections(), gomega.BeNumerically(">", 0))
		dir := u.tree(s, "BND-023")
		s.Must(u.server.Close())
		u.isRead(s, "BND-021.readable", dir, func(run *stage.Run) { s.Require("BND-023").RunsAs(run, "here", "carol") })
	},
}

var modesOfAVersion = stage.Spec{
	Slug:     "modes-of-a-version",
	Says:     "a version has the same modes whether the umask of the worker is 022, 077 or 007: carol reads every file, nobody but the owner writes, and what is executable in git alone is",
	Verifies: []string{"BND-021.umask", "BND-021.no-more", "BND-021.executable", "BND-021.readable"},
	Roles:    []role.Role{role.Worker},
	Needs:    []string{"git-bundles"},
	Run: func(s *stage.Stage) {
		u := newUpstream(s)
		var first []string
		for _, umask := range []os.FileMode{0o022, 0o077, 0o007} {
			u.storage = s.Path("bundles", fmt.Sprintf("umask-%03o", umask))
			s.Start(stage.Task{Settings: u.all(), BundleVersion: u.version, Umask: umask}).Succeeds()
			dir := u.tree(s, "BND-021.umask")
			modes, open, wrong := u.modes(s, dir)
			if first == nil {
				first = modes
			}
			s.Require("BND-021.umask").Equal(fmt.Sprintf("modes with umask %03o, beside those with 022", umask), modes, first)
			s.Require("BND-021.no-more").Empty(fmt.Sprintf("what others than the owner may write, with umask %03o", umask), open...)
			s.Require("BND-021.executable").Empty(fmt.Sprintf("files that carol may execute and that are none in git, or the other way round, with umask %03o", umask), wrong...)
			u.isRead(s, "BND-021.readable", dir, func(*stage.Run) {})
		}
	},
}
