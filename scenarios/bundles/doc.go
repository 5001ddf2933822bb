// Package bundles holds the scenarios of area BND: that a task of any user runs
// from a whole, readable tree of the version it asked for.
package bundles

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
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
	storage  string // where it is prepared
}

func newUpstream(s *stage.Stage) *upstream {
	probe, err := gitrepo.Folder(s.Path("dags"))
	s.Must(err)
	s.Must(os.Mkdir(s.Path("upstream"), 0o755))
	u := &upstream{history: gitrepo.Sample(probe...), dir: s.Path("upstream", "dags.git"), storage: s.Path("bundles")}
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
	found := s.FindDirs(u.storage, u.version)
	s.Require(requirement).Equal("directories of the version below the bundle storage", len(found), 1)
	return found[0]
}

// all are the settings, with the storage among them.
func (u *upstream) all() map[string]string {
	all := maps.Clone(u.settings)
	all["dag_processor.dag_bundle_storage_path"] = u.storage
	return all
}

// isRead has carol read every file of the prepared tree and requires what was declared. at
// is called while her task waits.
func (u *upstream) isRead(s *stage.Stage, clause, dir string, at func(*stage.Run)) {
	verbs := stage.Verbs(stage.WaitFor("here"))
	paths, tree := u.history.Paths(gitrepo.Version), u.history.Tree(gitrepo.Version)
	for i, path := range paths {
		verbs = append(verbs, stage.ReadFile(filepath.Join(dir, path)).Catch().Save(fmt.Sprint("file-", i)))
	}
	carol := s.Start(stage.Task{As: "carol", Settings: u.all(), BundleVersion: u.version, Verbs: verbs})
	carol.At("here")
	at(carol)
	carol.Release("here")
	carol.Succeeds()
	for i, path := range paths {
		s.Require(clause).Equal("content of "+path+" as carol reads it", carol.Result(fmt.Sprint("file-", i)),
			map[string]any{"size": tree[path].Size, "sha256": tree[path].SHA256})
	}
}

// modes lists those of all files and folders of the prepared tree, what others than the owner may
// write, and files that others may execute although git does not say so, or the other way round.
func (u *upstream) modes(s *stage.Stage, dir string) (all, open, wrong []string) {
	tree := u.history.Tree(gitrepo.Version)
	s.Must(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		described := fmt.Sprintf("%s %04o", name, info.Mode().Perm())
		all = append(all, described)
		if info.Mode().Perm()&0o022 != 0 {
			open = append(open, described)
		}
		if node, declared := tree[name]; declared && !entry.IsDir() && (node.Kind == gitrepo.Executable) != (info.Mode().Perm()&0o001 != 0) {
			wrong = append(wrong, described)
		}
		return nil
	}))
	return all, open, wrong
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
