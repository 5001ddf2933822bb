package runner

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference"
	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
)

// usage is printed with the name of the program for each %[1]s.
const usage = `%[1]s executes one Airflow task as the user that the task names.

  %[1]s                    run the task that the supervisor sends
  %[1]s --comm=HOST:PORT --logs=HOST:PORT
                                       the same as a language runtime
  %[1]s kill SIGNAL PID... send a signal (KILL, SIGKILL or 9)
  %[1]s hunt PID           kill one's own processes below that one, however fast they fork
  %[1]s execute            become the bundle that a coordinator sends on descriptor 0
  %[1]s sockets PID...     list the sockets of processes, for a coordinator
  %[1]s tasks              list the tasks that are part of this program
  %[1]s version            print the version
  %[1]s schema             print the version of the supervisor schema
  %[1]s --help             print this

A supervisor starts it without arguments, with a Unix stream socket as descriptor 0
and as little else as possible. The first frame on that socket is StartupDetails;
requests, answers and one terminal message follow. Log lines go to a descriptor
that the runner asks for (ResendLoggingFD), or to standard error.

As a language runtime it connects to two ports of this machine instead, one for
the frames and one for the log lines, in either order. It does not switch to
another user then, and refuses a task that names one.

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

  airflow ALL = (alice, bob) NOPASSWD: /usr/local/bin/%[1]s

and a sudo policy without log_input for it.

Exit code: 0 the end of the task was reported, whatever it was; 1 the task could
not be set up, or its end not be reported (why: standard error and log);
2 wrong arguments.
`

// Main is the main function of a runner: it does what the arguments of the
// program say, by the tasks that were registered, and ends the process.
// Anything that the program does before costs every task that time, and is done
// by the worker's user as well.
func Main() {
	os.Exit(registered.execute(os.Args[1:], os.Stdout, os.Stderr))
}

// execute does what the arguments say and returns the exit code.
func (r *registry) execute(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return r.run()
	}
	switch {
	case args[0] == "resume" && len(args) == 1: // the runner's own second phase
		return r.resume()
	case args[0] == "kill" && len(args) > 2:
		return result(stderr, Kill(args[1], args[2:]))
	case args[0] == "hunt" && len(args) == 2:
		return result(stderr, Hunt(args[1]))
	case args[0] == "execute" && len(args) == 1:
		return complain(delegate.Execute())
	case args[0] == "sockets" && len(args) > 1:
		return result(stderr, delegate.PrintSockets(stdout, args[1:]))
	case args[0] == "tasks" && len(args) == 1:
		for _, name := range r.names() {
			fmt.Fprintln(stdout, name)
		}
		return 0
	case args[0] == "version" && len(args) == 1:
		fmt.Fprintln(stdout, reference.Version)
		return 0
	case args[0] == "schema" && len(args) == 1:
		fmt.Fprintln(stdout, message.Schema20261030)
		return 0
	case args[0] == "--help" || args[0] == "-h" || args[0] == "help":
		fmt.Fprintf(stdout, usage, program())
		return 0
	case strings.HasPrefix(args[0], "--comm") || strings.HasPrefix(args[0], "--logs"):
		ports, err := parsePorts(args)
		if err == nil {
			return r.coordinated(ports)
		}
		fmt.Fprintf(stderr, "%s: %v\n\n", program(), err)
		fmt.Fprintf(stderr, usage, program())
		return 2
	}
	fmt.Fprintf(stderr, "%[1]s: cannot make sense of the arguments %[2]q; see %[1]s --help\n", program(), args)
	return 2
}

// result is the exit code of a command that did something at once.
func result(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program(), err)
		return 1
	}
	return 0
}

// program is the name that this program was started by.
func program() string { return filepath.Base(os.Args[0]) }
