// Command understudy-supervisor runs Airflow tasks for an executor, one or many,
// and reports to the Execution API. See package supervisor.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/supervisor"
	"github.com/understudy-conformance/understudy/reference/supervisor/submit"
)

const usage = `understudy-supervisor runs Airflow tasks, each as the user that it names.

  understudy-supervisor run --workload FILE [--runner PATH] [--fetcher PATH]
  understudy-supervisor serve --socket PATH [--allow-user NAME]... [--runner PATH]
                              [--keeper PATH] [--fetcher PATH]
  understudy-supervisor submit --socket PATH --workload FILE [--wait]
  understudy-supervisor pack --executable FILE --schema VERSION --dag ID... --output FILE
                             [--source FILE] [--language NAME] [--sdk-version VERSION]
  understudy-supervisor version
  understudy-supervisor --help

run runs one task and returns when nothing of it is left. serve runs as many as are
submitted, from one process. submit hands it a task and returns when it is taken, or
with --wait when nothing of it is left.

FILE holds the workload that Airflow's executor makes (ExecuteTask, JSON). It
holds the token too: keep it 0600; - is standard input. PATH of --runner is the
program that executes the task, that of --keeper the parent which each task of serve
has, that of --fetcher what fetches git bundles; without them understudy-runner,
understudy-keeper and understudy-fetcher beside this program.

Settings are Airflow's: AIRFLOW__SECTION__KEY, then airflow.cfg. For example:

  export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://localhost:8080/execution/
  export AIRFLOW__LOGGING__BASE_LOG_FOLDER=/var/log/airflow
  export AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST='[{"name": "dags",
    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
    "kwargs": {"path": "/srv/dags"}}]'
  understudy-supervisor run --workload task.json

To run tasks as other users it has to be root, or needs a sudo rule without
password for the runner:

  airflow ALL = (alice, bob) NOPASSWD: /usr/local/bin/understudy-runner

Who may submit tasks to serve is decided by uid: root, the user that serve runs as,
and those of --allow-user. Whoever may, runs code as every user that serve can become.
The folder of the socket and all above it must be closed to the writing of others,
or sticky as /tmp is. submit tells the token to nobody but root, its own user and the
owner of that folder. On the socket a client sends one line, {"workload": {...}}, and
gets one or two:

  {"event": "accepted"}                      the task runs on if the client closes now
  {"event": "ended", "state": "success"}
  {"event": "refused", "reason": "full", "error": "..."}

The reasons are user, workload, full and ending. "ended" with "error" says that the
API server does not know how the task ended, or that something of it lives.

Where NOTIFY_SOCKET is set, serve says READY=1 there once it listens, as services of
systemd do that have Type=notify.

Tasks of other languages are routed by their queue, as in Airflow. The bundles are
looked for in all that lies below executables_root; pack makes one of a program
that understands --comm and --logs:

  export AIRFLOW__SDK__COORDINATORS='{"go": {
    "classpath": "airflow.sdk.coordinators.executable.ExecutableCoordinator",
    "kwargs": {"executables_root": ["/srv/bundles"]}}}'
  export AIRFLOW__SDK__QUEUE_TO_COORDINATOR='{"golang": "go"}'

Where the Dag file is code, a run_as_user in it is not known: such a task runs as
the user of [core] default_impersonation.

These settings decide what a task may do:

  [core] default_impersonation              user of tasks that name none
  [workers] min_heartbeat_interval = 5      seconds
  [workers] max_failed_heartbeats = 3       in a row, then the task is stopped
  [workers] socket_cleanup_timeout = 60     seconds for channels that stay open
  [core] task_success_overtime = 20         seconds to end after reporting a state
  [sdk] coordinators                        of tasks in other languages, JSON
  [sdk] queue_to_coordinator                whose queues they are, JSON
  [sdk] task_startup_timeout = 10           seconds for such a task to connect
  [understudy] kill_step = 5                seconds from SIGTERM to SIGKILL
  [understudy] max_frame_bytes = 67108864   longest request that is accepted
  [understudy] serve_max_tasks = 128        that serve runs at once
  [understudy] allow_root = False           permit root as user of a task
  [understudy] pass_environment             further variables that may cross, by commas

SIGTERM and SIGINT do not end a task: run waits for it, serve takes no more tasks
and waits for those it has, however often they come. What must not be waited for is
ended by SIGKILL to serve: its tasks end with it, and the API server, told nothing,
misses the heartbeats. Where serve is not root, a task of another user ends so if
its runner is understudy-runner; others may not notice that serve is gone.

Exit code: 0 the API server knows how the task ended, well or not (submit without
--wait: the task was taken; serve: it was asked to end); 1 it does not, or something
of the task could not be ended, or serve takes no task now; 2 wrong arguments,
workload or settings, nothing was started.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch args[0] {
	case "run":
		return runTask(args[1:], stdout, stderr)
	case "serve":
		return serve(args[1:], stdout, stderr)
	case "submit":
		return submitTask(args[1:], stdout, stderr)
	case "pack":
		return pack(args[1:], stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, reference.Version)
		return 0
	case "help", "--help", "-help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	}
	return wrong(stderr, fmt.Errorf("unknown command %q", args[0]))
}

func runTask(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	workload := flags.String("workload", "", "")
	programs := programsOf(flags, false)
	if code, ok := parse(flags, args, stdout, stderr, "workload"); !ok {
		return code
	}
	found, err := programs()
	if err != nil {
		return wrong(stderr, err)
	}
	return result(stderr, supervisor.Run(context.Background(), supervisor.Options{
		Programs: found, Workload: *workload, Environ: os.Environ(), Stderr: stderr,
	}))
}

func serve(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	socket := flags.String("socket", "", "")
	programs := programsOf(flags, true)
	var allow []string
	flags.Func("allow-user", "", func(name string) error { allow = append(allow, name); return nil })
	if code, ok := parse(flags, args, stdout, stderr, "socket"); !ok {
		return code
	}
	found, err := programs()
	if err != nil {
		return wrong(stderr, err)
	}
	ready := notifier()
	return result(stderr, supervisor.Serve(context.Background(), supervisor.ServeOptions{
		Programs: found, Socket: *socket, Allow: allow, Environ: os.Environ(), Stderr: os.Stderr, Listening: ready,
	}))
}

// programsOf adds the flags that name programs, to be looked for once the flags are
// parsed. The fetcher may be absent unless it is named: only git bundles need it.
func programsOf(flags *flag.FlagSet, keeper bool) func() (supervisor.Programs, error) {
	var p supervisor.Programs
	flags.StringVar(&p.Runner, "runner", "", "")
	flags.StringVar(&p.Fetcher, "fetcher", "", "")
	if keeper {
		flags.StringVar(&p.Keeper, "keeper", "", "")
	}
	return func() (supervisor.Programs, error) {
		for _, program := range []struct {
			what   string
			path   *string
			needed bool
		}{{"runner", &p.Runner, true}, {"keeper", &p.Keeper, keeper}, {"fetcher", &p.Fetcher, p.Fetcher != ""}} {
			if !program.needed {
				continue
			}
			found, err := supervisor.Find(program.what, *program.path)
			if err != nil {
				return p, fmt.Errorf("%w; name it by --%s PATH", err, program.what)
			}
			*program.path = found
		}
		return p, nil
	}
}

func submitTask(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("submit", flag.ContinueOnError)
	socket := flags.String("socket", "", "")
	workload := flags.String("workload", "", "")
	wait := flags.Bool("wait", false, "")
	if code, ok := parse(flags, args, stdout, stderr, "socket", "workload"); !ok {
		return code
	}
	text, err := submit.ReadWorkloadText(*workload)
	if err != nil {
		return wrong(stderr, err)
	}
	outcome, err := submit.Task(context.Background(), *socket, text, *wait)
	var stranger *submit.StrangerError
	var refused *submit.RefusedError
	if errors.As(err, &stranger) || errors.As(err, &refused) && refused.Reason == submit.RefusedWorkload {
		return wrong(stderr, err)
	}
	if err == nil && outcome.Ended && outcome.State != "" {
		fmt.Fprintln(stdout, outcome.State)
	}
	return result(stderr, err)
}

// value is how the usage text names the values of mandatory flags.
var value = map[string]string{"socket": "PATH", "workload": "FILE", "executable": "FILE", "output": "FILE", "schema": "VERSION"}

// parse reads flags, of which those named are mandatory. ok is false if the command
// is to return code.
func parse(flags *flag.FlagSet, args []string, stdout, stderr io.Writer, mandatory ...string) (code int, ok bool) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0, false
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, name := range mandatory {
		if err == nil && flags.Lookup(name).Value.String() == "" {
			err = fmt.Errorf("--%s %s is missing", name, value[name])
		}
	}
	if err != nil {
		return wrong(stderr, err), false
	}
	return 0, true
}

// result is the exit code for the end of a command.
func result(stderr io.Writer, err error) int {
	var misuse *supervisor.UsageError
	switch {
	case errors.As(err, &misuse):
		return wrong(stderr, err)
	case err != nil:
		fmt.Fprintf(stderr, "understudy-supervisor: %v\n", err)
		return 1
	}
	return 0
}

func wrong(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "understudy-supervisor: %v\nSee understudy-supervisor --help\n", err)
	return 2
}
