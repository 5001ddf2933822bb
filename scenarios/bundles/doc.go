// Package bundles holds the scenarios of area BND: that a task of any user runs
// from a whole, readable tree of the version it asked for.
package bundles

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/understudy-conformance/understudy/fixtures/gitrepo"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var both = []role.Role{role.Runner, role.Worker}

// setting is the list of bundles with the one bundle "dags".
func setting(s *stage.Stage, classpath string, arguments map[string]any) map[string]string {
	list, err := json.Marshal([]any{map[string]any{"name": "dags", "classpath": classpath, "kwargs": arguments}})
	s.Must(err)
	return map[string]string{"dag_processor.dag_bundle_config_list": string(list)}
}

// upstream is a git repository with the probe Dag in one version, served on
// loopback, and the settings of a bundle that comes from it.
type upstream struct {
	history  gitrepo.History
	dir      string
	version  string
	server   *gitrepo.Server
	settings map[string]string
}

func newUpstream(s *stage.Stage) *upstream {
	probe, err := gitrepo.Folder(s.Path("dags"))
	s.Must(err)
	s.Must(os.Mkdir(s.Path("upstream"), 0o755))
	u := &upstream{history: gitrepo.Sample(probe...), dir: s.Path("upstream", "dags.git")}
	ids, err := gitrepo.Build(u.dir, u.history)
	s.Must(err)
	u.version = ids[gitrepo.Version]
	u.server, err = gitrepo.Serve(s.Context(), s.Path("upstream"))
	s.Must(err)
	s.Finally(u.server.Close)
	u.settings = setting(s, "airflow.providers.git.bundles.git.GitDagBundle", map[string]any{
		"repo_url": u.server.URL("dags.git"), "tracking_ref": gitrepo.Branch,
	})
	return u
}

// tree is the one prepared directory of the version.
func (u *upstream) tree(s *stage.Stage, requirement string) string {
	found := s.FindDirs(s.Path("bundles"), u.version)
	s.Require(requirement).Equal("directories of the version below the bundle storage", len(found), 1)
	return found[0]
}

// isWhole requires that the prepared tree is what was declared, and that stock
// git and go-git find the same in the repository.
func (u *upstream) isWhole(s *stage.Stage, requirement, dir string) {
	declared := u.history.Tree(gitrepo.Version)
	listed, err := gitrepo.Listed(s.Context(), u.dir, u.version)
	s.Must(err)
	decoded, err := gitrepo.Decoded(u.dir, u.version)
	s.Must(err)
	for _, witness := range []gitrepo.Tree{listed, decoded} {
		if differences := gitrepo.Compare(declared, witness); differences != nil {
			s.Must(fmt.Errorf("the repository does not hold what was declared: %s", strings.Join(differences, "; ")))
		}
	}
	found, err := gitrepo.Walk(dir)
	s.Must(err)
	s.Require(requirement).Empty("differences between the prepared tree and the declared one", gitrepo.Compare(declared, found)...)
}
