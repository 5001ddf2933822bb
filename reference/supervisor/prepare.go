package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/dagfile"
	"github.com/understudy-conformance/understudy/reference/impersonate"
	"github.com/understudy-conformance/understudy/reference/runner"
)

const bundleListSetting = "dag_processor.dag_bundle_config_list"

// launch is how the task process is to be started.
type launch struct {
	argv       []string
	environ    []string
	credential *syscall.Credential // or nil
	who        string              // for people
	handed     *runner.Handed      // nil where the runner has the worker's own settings
	foreign    *foreign            // nil unless the task is of another language
}

// close gives back what a launch holds that is not carried out.
func (p launch) close() {
	if p.foreign != nil {
		p.foreign.close()
	}
}

// prepare makes the bundle available and decides who the task runs as. Nothing of
// the user's is executed.
func (t *task) prepare(ctx context.Context) (launch, error) {
	c, err := t.shared.settings.Routes.For(message.Or(t.workload.TI.Queue, defaultQueue))
	if err != nil {
		return launch{}, err
	}
	if c != nil {
		return t.prepareForeign(ctx, c)
	}
	def, tree, err := t.fetch(ctx)
	if err != nil {
		return launch{}, err
	}
	file := filepath.Join(tree.Path, t.workload.DagRelPath)
	declared, err := t.declaredUser(tree.Path, file)
	if err != nil {
		return launch{}, err
	}
	target, switches, err := t.shared.accounts.resolve(ctx, declared.effective, impersonate.Policy{AllowRoot: t.shared.settings.AllowRoot})
	if err != nil {
		return launch{}, err
	}
	p := launch{argv: []string{t.shared.runner}, who: "the worker's own user"}
	if switches {
		if p, err = t.switched(p, target, tree, file, declared); err != nil {
			return launch{}, err
		}
	}
	p.environ = environment(truthful(t.shared.environ, t.process.Unixname), target, switches, t.shared.settings.PassEnvironment)
	if def.Git != nil && !switches {
		list, err := localBundle(tree, def.Name)
		if err != nil {
			return launch{}, err
		}
		p.environ = append(p.environ, "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST="+list)
	}
	t.log.Record("info", "Starting task process as "+p.who, "command", p.argv)
	return p, nil
}

// fetch makes the bundle of the task available.
func (t *task) fetch(ctx context.Context) (bundle.Definition, bundle.Tree, error) {
	def, err := t.shared.settings.Bundles.Get(t.workload.BundleInfo.Name)
	if err != nil {
		return def, bundle.Tree{}, err
	}
	tree, err := t.shared.bundles.Prepare(ctx, def, message.Or(t.workload.BundleInfo.Version, ""))
	if err != nil {
		return def, tree, err
	}
	if len(tree.Skipped) > 0 {
		t.log.Record("warning", "Submodules are not part of the bundle", "paths", tree.Skipped)
	}
	if tree.Version != "" { // the whole task sees one version, also if none was asked for
		t.workload.BundleInfo.Version = &tree.Version
	}
	return def, tree, nil
}

// fetchGit has a program bring a version of a git bundle into the storage. Settings,
// connections and variables are no concern of that program.
func (s *shared) fetchGit(ctx context.Context, r bundle.Request) (bundle.Fetched, error) {
	program, err := Find("fetcher", s.fetcher)
	if err != nil {
		return bundle.Fetched{}, fmt.Errorf("%s: git bundles need it beside understudy-supervisor, or named by --fetcher PATH", err)
	}
	environ := slices.DeleteFunc(slices.Clone(s.environ), func(entry string) bool {
		return strings.HasPrefix(entry, "AIRFLOW_") || strings.HasPrefix(entry, "_AIRFLOW_")
	})
	return bundle.Program(program, environ)(ctx, r)
}

// nameOf describes a user for people.
func nameOf(a impersonate.Account) string { return fmt.Sprintf("user %q (uid %d)", a.Name, a.UID) }

// switched completes the launch for a task of another user.
func (t *task) switched(p launch, target impersonate.Account, tree bundle.Tree, file string, d declared) (launch, error) {
	p.who = nameOf(target)
	reader := bundle.Reader{Name: target.Name, UID: target.UID, GID: target.GID, Groups: target.Groups}
	paths := []string{tree.Path}
	if d.there {
		paths = append(paths, file)
	}
	for _, path := range paths {
		if err := bundle.Check(path, reader); err != nil {
			return p, fmt.Errorf("bundle %q: %w", t.workload.BundleInfo.Name, err)
		}
	}
	list, err := localBundle(tree, t.workload.BundleInfo.Name)
	if err != nil {
		return p, err
	}
	settings := maps.Clone(t.shared.settings.All)
	settings[bundleListSetting] = list
	p.handed = &runner.Handed{Settings: settings, Environment: map[string]string{}, Switched: true, Target: &target}
	if d.found { // nobody need look again
		p.handed.Bundle = tree.Path
	}
	for _, entry := range impersonate.Allowed(t.shared.environ, t.shared.settings.PassEnvironment...) {
		name, value, _ := strings.Cut(entry, "=")
		p.handed.Environment[name] = value
	}
	p.argv, p.credential, err = impersonate.Command(target, p.argv)
	return p, err
}

// localBundle is the bundle list that a task gets: what was prepared for it, as a
// local bundle. It needs no git, and learns no credentials of repositories.
func localBundle(tree bundle.Tree, name string) (string, error) {
	list, err := json.Marshal([]map[string]any{{
		"name":      name,
		"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
		"kwargs":    map[string]string{"path": tree.Path},
	}})
	if err != nil {
		return "", fmt.Errorf("encode bundle list: %w", err)
	}
	return string(list), nil
}

// declared is what the Dag file and the settings say about the user.
type declared struct {
	effective string // "" for the worker's own
	there     bool   // the Dag file exists
	found     bool   // and declares the task
}

// declaredUser reads who the task is to run as. A Dag file that is code says
// nothing here: the runner has to execute it, and decides. One that is missing,
// or lacks the task, is the runner's to report.
func (t *task) declaredUser(root, file string) (declared, error) {
	if !dagfile.Declares(file) {
		t.log.Record("info", "The Dag file is code: the runner executes it as the worker to learn who the task runs as, and switches itself",
			"dag_file", t.workload.DagRelPath)
		return declared{}, nil
	}
	d := declared{effective: t.shared.settings.DefaultUser}
	if err := regularBelow(root, file); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return d, nil
		}
		return d, fmt.Errorf("read Dag file: %w", err)
	}
	d.there = true
	dag, err := dagfile.Read(file)
	if err != nil {
		return d, err
	}
	if task, ok := dag.Task(t.workload.TI.TaskID); ok {
		d.effective = impersonate.Effective(task.RunAsUser, t.shared.settings.DefaultUser)
		d.found = dag.ID == t.workload.TI.DagID
	}
	return d, nil
}

// regularBelow refuses a Dag file that is none, or that symbolic links lead out
// of the bundle: this process can read what the task's user cannot.
func regularBelow(root, file string) error {
	dir, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s leads out of its bundle, to %s", file, real)
	}
	info, err := os.Stat(real)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", file)
	}
	return err
}
