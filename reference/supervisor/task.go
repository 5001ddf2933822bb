package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/impersonate"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
	"github.com/understudy-conformance/understudy/reference/supervisor/family"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// shared is what all tasks of this process share.
type shared struct {
	runner    string
	fetcher   string
	environ   []string
	settings  Settings
	parent    family.Parent
	killers   []string
	accounts  *accounts
	transport *http.Transport
	library   *coordinator.Library
	bundles   *bundle.Preparer
	process   api.Process // the PID is that of this process
}

func newShared(ctx context.Context, programs Programs, environ []string, s Settings, p family.Parent) *shared {
	all := &shared{
		runner: programs.Runner, fetcher: programs.Fetcher, killers: killers(programs.Runner), environ: environ, settings: s, parent: p,
		accounts: new(accounts), transport: api.NewTransport(s.API), library: new(coordinator.Library),
		process: api.Process{Hostname: hostname(), Unixname: workerName(ctx), PID: os.Getpid()},
	}
	all.bundles = &bundle.Preparer{Root: s.BundleStorage, Fetch: all.fetchGit}
	return all
}

// task prepares a run, whose log the caller closes. Nothing in it but shared is
// shared with another task: what one task masks or logs, and its token, is its own.
// stderr gets the task log of a workload without log_path, and of one whose log
// cannot be opened: that task is not started, which the server is told by run.
func (s *shared) task(workload submit.Workload, stderr io.Writer) (*task, error) {
	mask := tasklog.NewMasker(s.settings.MinSecret, s.settings.SensitiveNames)
	if err := mask.Add(workload.Token); err != nil {
		return nil, err
	}
	log, unlogged := tasklog.Open(s.settings.LogFolder, workload.LogPath, stderr, mask)
	if unlogged != nil {
		log = tasklog.To(stderr, mask)
	}
	client := api.NewClient(s.settings.API, s.transport, workload.Token, func(token string) {
		if err := mask.Add(token); err != nil {
			log.Record("warning", "A new token could not be masked", "error", err)
		}
	})
	return &task{
		shared: s, workload: workload, mask: mask, log: log, unlogged: unlogged, process: s.process, start: time.Now(),
		server: client.Instance(workload.TI.ID),
	}, nil
}

// task is one run.
type task struct {
	shared   *shared
	workload submit.Workload
	mask     *tasklog.Masker
	log      *tasklog.Log
	unlogged error // why the log could not be opened, so that nothing is started
	server   api.Instance
	process  api.Process // who the server is told runs the task
	start    time.Time
	launch   launch
	known    string // the state that the server knows at the end; "" if it wanted to hear none, or does not know
}

// run runs the task. signals are those that ask this process to end.
func (t *task) run(ctx context.Context, signals <-chan os.Signal) error {
	if t.unlogged != nil {
		return errors.Join(t.unlogged, t.fail(ctx, t.unlogged))
	}
	launch, err := t.prepare(ctx)
	if err != nil {
		return t.fail(ctx, err)
	}
	t.launch = launch
	child, err := family.Start(t.shared.parent, launch.argv, launch.environ, launch.credential)
	if err != nil {
		launch.close()
		return t.fail(ctx, fmt.Errorf("run the task as %s: %w", launch.who, err))
	}
	t.process.PID = child.PID()
	l := t.newLife(child)
	return l.run(ctx, signals)
}

// fail reports a task that could not be started. The server has to hear first
// that it runs: only then does it take another state, and only its answer tells
// whether there is another try.
func (t *task) fail(ctx context.Context, cause error) error {
	t.log.Record("error", "Task could not be started: "+cause.Error())
	answer, err := t.server.Run(ctx, t.process, t.start)
	if err != nil {
		t.log.Record("error", "The server did not accept the run: "+err.Error())
		return fmt.Errorf("report the run: %w (the task could not be started: %w)", err, cause)
	}
	context, err := api.RunContext(answer, t.mask)
	if err != nil {
		t.log.Record("warning", err.Error())
	}
	return t.report(ctx, ending{stopped: true, shouldRetry: context.ShouldRetry})
}

// report sends the state of an ending for which the task gave none.
func (t *task) report(ctx context.Context, e ending) error {
	if err := t.server.State(ctx, e.body()); err != nil {
		t.log.Record("error", "The state of the task could not be reported", "state", e.state(), "error", err)
		return fmt.Errorf("report state %s: %w", e.state(), err)
	}
	t.ended(e.state())
	return nil
}

// ended notes that the server knows how the task ended.
func (t *task) ended(state string) {
	t.known = state
	t.log.Record("info", "Task ended", "state", state)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// workerName is the name of this process's account, or its uid where it has none.
// What the environment says does not matter.
func workerName(ctx context.Context) string {
	account, err := impersonate.LookupUID(ctx, os.Geteuid())
	if err != nil {
		return strconv.Itoa(os.Geteuid())
	}
	return account.Name
}
