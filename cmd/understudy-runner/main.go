// Command understudy-runner executes one Airflow task for the supervisor that
// started it, as the user that the task names. See package runner.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/runner"
)

const usage = `understudy-runner executes one Airflow task as the user that the task names.

  understudy-runner                    run the task that the supervisor sends
  understudy-runner kill SIGNAL PID... send a signal (KILL, SIGKILL or 9)
  understudy-runner version            print the version
  understudy-runner --help             print this

A supervisor starts it without arguments, with a Unix stream socket as descriptor 0
and as little else as possible. The first frame on that socket is StartupDetails;
requests, answers and one terminal message follow. Log lines go to a descriptor
that the runner asks for (ResendLoggingFD), or to standard error.

Settings are Airflow's: AIRFLOW__SECTION__KEY, then airflow.cfg. These decide:

  [core] default_impersonation             user of tasks that name none
  [dag_processor] dag_bundle_config_list   where the Dag files are
  [workers] missing_dag_retries, missing_dag_retry_delay
  [understudy] allow_root = False          permit root as user of a task
  [understudy] umask = 0022                umask of impersonated tasks
  [understudy] pass_environment            further variables that may cross, by commas
  [understudy] max_frame_bytes = 67108864  longest answer that is accepted
  [understudy] terminal_timeout = 2        seconds to wait for the last answer
  [understudy] kill_step = 5               seconds to end what a task left running

To run a task as another user the worker has to be root, or needs a sudo rule
without password for this very command, for example

  airflow ALL = (alice, bob) NOPASSWD: /usr/local/bin/understudy-runner

and a sudo policy without log_input and log_output for it.

Exit code: 0 the end of the task was reported, whatever it was; 1 the task could
not be set up, or its end not be reported (why: standard error and log);
2 wrong arguments.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return runner.Run()
	}
	switch {
	case args[0] == "resume" && len(args) == 1: // the runner's own second stage
		return runner.Resume()
	case args[0] == "kill" && len(args) > 2:
		if err := runner.Kill(args[1], args[2:]); err != nil {
			fmt.Fprintf(stderr, "understudy-runner: %v\n", err)
			return 1
		}
		return 0
	case args[0] == "version" && len(args) == 1:
		fmt.Fprintln(stdout, reference.Version)
		return 0
	case args[0] == "--help" || args[0] == "-h" || args[0] == "help":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "understudy-runner: cannot make sense of the arguments %q; see understudy-runner --help\n", args)
	return 2
}
