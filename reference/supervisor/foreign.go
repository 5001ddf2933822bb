package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/dagfile"
	"github.com/understudy-conformance/understudy/reference/impersonate"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// defaultQueue is the queue of task instances that name none.
const defaultQueue = "default"

// foreign is the program of a task in another language, and how it will connect.
//
// Its process is begun as the runner, by the command that a sudo policy permits,
// and becomes the bundle. Descriptor 0 carries the bundle to it and is closed then;
// frames and log lines come over connections of their own.
type foreign struct {
	artifact *coordinator.Artifact
	listener *coordinator.Listener
	startup  time.Duration
	uid      int
	user     *impersonate.Account // nil: the worker's own
	environ  []string
}

func (f *foreign) close() {
	if f.artifact != nil {
		f.artifact.Close()
	}
	if f.listener != nil {
		f.listener.Close()
	}
}

// prepareForeign finds the bundle that has the Dag and decides who it runs as.
func (t *task) prepareForeign(ctx context.Context, c *coordinator.Coordinator) (p launch, err error) {
	f := &foreign{startup: c.Startup, uid: os.Geteuid()}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if len(t.shared.killers) == 0 {
		return launch{}, errors.New("a task of another language is started by understudy-runner, which is not beside this program")
	}
	if f.artifact, err = t.shared.library.Find(ctx, c.Roots, t.workload.TI.DagID); err != nil {
		return launch{}, fmt.Errorf("coordinator %q: %w", c.Name, err)
	}
	dag, err := t.foreignDag(ctx)
	if err != nil {
		return launch{}, err
	}
	target, switches, err := t.shared.accounts.resolve(ctx, dag.effective, impersonate.Policy{AllowRoot: t.shared.settings.AllowRoot})
	if err != nil {
		return launch{}, err
	}
	p = launch{argv: []string{t.shared.killers[0], "execute"}, who: "the worker's own user"}
	switch {
	case switches && dag.file != "":
		p, err = t.switched(p, target, dag.tree, dag.file, dag.declared)
	case switches:
		p.who = nameOf(target)
		p.argv, p.credential, err = impersonate.Command(target, p.argv)
	}
	if err != nil {
		return launch{}, err
	}
	if p.foreign = f; switches {
		f.uid, f.user = target.UID, &target
	}
	p.environ = environment(truthful(t.shared.environ, t.process.Unixname), target, switches, t.shared.settings.PassEnvironment)
	if f.environ, err = t.foreignEnvironment(p.environ, dag); err != nil {
		return launch{}, err
	}
	if f.listener, err = coordinator.Listen(); err != nil {
		return launch{}, err
	}
	t.log.Record("info", "Starting language runtime as "+p.who, "bundle", f.artifact.Path, "coordinator", c.Name, "schema", f.artifact.Schema.Version(), "command", p.argv)
	return p, nil
}

// foreignDag is what is known of the Dag of a task in another language.
type foreignDag struct {
	declared
	tree bundle.Tree
	file string // "" if it is code: then only the user of the settings is known
}

// foreignDag reads the Dag file if it is a declaration. One that is code is
// executed by nobody here, so only the settings say who the task runs as; Airflow
// ignores even them.
func (t *task) foreignDag(ctx context.Context) (d foreignDag, err error) {
	if !dagfile.Declares(t.workload.DagRelPath) {
		t.log.Record("warning", "The Dag file is code: whether the task names a user in it is not known, [core] default_impersonation decides", "dag_file", t.workload.DagRelPath)
		d.effective = t.shared.settings.DefaultUser
		return d, nil
	}
	if _, d.tree, err = t.fetch(ctx); err != nil {
		return d, err
	}
	d.file = filepath.Join(d.tree.Path, t.workload.DagRelPath)
	d.declared, err = t.declaredUser(d.tree.Path, d.file)
	return d, err
}

// foreignEnvironment adds what a runtime cannot read from Airflow's configuration:
// how much it is to log, as Airflow does, and where the bundle of its Dag file is.
func (t *task) foreignEnvironment(environ []string, d foreignDag) ([]string, error) {
	level := t.shared.settings.All["logging.logging_level"]
	if level == "" {
		level = "INFO"
	}
	environ = with(environ, "AIRFLOW__LOGGING__LOGGING_LEVEL", level)
	environ = with(environ, "AIRFLOW__LOGGING__NAMESPACE_LEVELS", t.shared.settings.All["logging.namespace_levels"])
	if d.file == "" {
		return environ, nil
	}
	list, err := localBundle(d.tree, t.workload.BundleInfo.Name)
	return with(environ, "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", list), err
}

// with sets a variable in a copy of environ.
func with(environ []string, name, value string) []string {
	environ = slices.DeleteFunc(slices.Clone(environ), func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	return append(environ, name+"="+value)
}

// connect hands the bundle of another language over, and takes its connections for
// those of the task. The runner needs neither.
func (l *life) connect(ctx context.Context) error {
	f := l.task.launch.foreign
	if f == nil {
		return nil
	}
	defer f.close()
	deadline := time.Now().Add(f.startup)
	_ = l.child.Comms.SetWriteDeadline(deadline)
	err := f.artifact.Send(l.child.Comms, f.listener.Arguments(), f.environ)
	l.child.Comms.Close()
	// A process that has ended already is explained by how it ended.
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	channels, err := f.listener.Accept(ctx, l.foreignRuntime(f), f.startup, func(text string) { l.log.Record("warning", text) })
	if err != nil {
		return err
	}
	l.session.conn, l.session.schema = channels.Comm, f.artifact.Schema
	l.drains.Start(tasklog.Records, channels.Logs, nil)
	return nil
}

// foreignRuntime tells the runtime's connections from those of others: by the
// processes that descend from its first one, which the user of the task may look
// at where this process may not.
func (l *life) foreignRuntime(f *foreign) coordinator.Runtime {
	r := coordinator.Runtime{UID: f.uid, Exited: l.child.Ended(), Processes: func() ([]int, error) {
		all, err := l.child.Living()
		var pids []int
		for _, p := range all {
			pids = append(pids, p.PID)
		}
		return pids, err
	}}
	if f.user != nil {
		r.Sockets = func(ctx context.Context, pids []int) (map[uint64]bool, error) {
			return l.killer.Sockets(ctx, *f.user, pids)
		}
	}
	return r
}

// neverConnected ends a runtime that did not open its connections. Unlike Airflow,
// which says nothing then, the server hears of it.
func (l *life) neverConnected(ctx context.Context, cause error) error {
	left := l.killer.Kill(ctx)
	l.drain(nil)
	if left == nil {
		<-l.child.Ended()
		level, text := l.child.Exit().Describe()
		l.log.Record(level, text)
	}
	return errors.Join(l.task.fail(ctx, fmt.Errorf("start bundle %s as %s: %w", l.task.launch.foreign.artifact.Path, l.task.launch.who, cause)), left)
}
