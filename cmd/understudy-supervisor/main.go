// Command understudy-supervisor runs one Airflow task for an executor and reports
// to the Execution API. See package supervisor.
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
)

const usage = `understudy-supervisor runs one Airflow task, as the user that the task names.

  understudy-supervisor run --workload FILE [--runner PATH]
  understudy-supervisor version
  understudy-supervisor --help

FILE holds the workload that Airflow's executor makes (ExecuteTask, JSON). It
holds the token too: keep it 0600. PATH is the program that executes the task;
without it understudy-runner beside this program.

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

These settings decide what a task may do:

  [core] default_impersonation              user of tasks that name none
  [workers] min_heartbeat_interval = 5      seconds
  [workers] max_failed_heartbeats = 3       in a row, then the task is stopped
  [workers] socket_cleanup_timeout = 60     seconds for channels that stay open
  [core] task_success_overtime = 20         seconds to end after reporting a state
  [understudy] kill_step = 5                seconds from SIGTERM to SIGKILL
  [understudy] max_frame_bytes = 67108864   longest request that is accepted
  [understudy] allow_root = False           permit root as user of a task
  [understudy] pass_environment             further variables that may cross, by commas

SIGTERM and SIGINT do not end the task: the supervisor waits for it.

Exit code: 0 the server knows how the task ended, well or not; 1 it does not, or
something of the task could not be ended; 2 wrong arguments, workload or settings,
nothing was started.
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
	flags.SetOutput(io.Discard)
	workload := flags.String("workload", "", "")
	runner := flags.String("runner", "", "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case err == nil && *workload == "":
		err = errors.New("--workload FILE is missing")
	}
	if err != nil {
		return wrong(stderr, err)
	}
	program, err := supervisor.FindRunner(*runner)
	if err != nil {
		return wrong(stderr, fmt.Errorf("%w; name it by --runner PATH", err))
	}
	err = supervisor.Run(context.Background(), supervisor.Options{
		Workload: *workload, Runner: program, Environ: os.Environ(), Stderr: stderr,
	})
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
