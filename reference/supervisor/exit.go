package supervisor

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// exit is how a process ended.
type exit struct {
	code   int            // valid unless signal or lost is set
	signal syscall.Signal // that ended it, or 0
	lost   error          // somebody else took the status; nothing is known
}

func exitOf(state *os.ProcessState, err error) exit {
	if err != nil {
		return exit{lost: err}
	}
	return exitOfStatus(state.Sys().(syscall.WaitStatus))
}

func exitOfStatus(status syscall.WaitStatus) exit {
	if status.Signaled() {
		return exit{signal: status.Signal()}
	}
	return exit{code: status.ExitStatus()}
}

func (e exit) clean() bool { return e.lost == nil && e.signal == 0 && e.code == 0 }

// describe says how the process ended, and how bad that is.
func (e exit) describe() (level, text string) {
	switch {
	case e.lost != nil:
		return "error", fmt.Sprintf("Task process is gone, how it ended is not known: %v", e.lost)
	case e.signal == syscall.SIGKILL:
		return "critical", "Task process was ended by signal SIGKILL (9). If nobody killed it, the machine may have run out of memory (OOM)"
	case e.signal == syscall.SIGSEGV:
		return "critical", "Task process was ended by signal SIGSEGV (11), a fault in native code that it uses"
	case e.signal != 0:
		return "error", fmt.Sprintf("Task process was ended by signal %s (%d)", signalName(e.signal), e.signal)
	case e.code != 0:
		return "warning", fmt.Sprintf("Task process ended with exit code %d", e.code)
	}
	return "info", "Task process ended with exit code 0"
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("number %d", int(s))
}

// ending is all that decides which state is reported once the process is gone.
type ending struct {
	reported    string // state of the task's own terminal message, "" if there was none
	byServer    bool   // the server said that the task is not to run
	stopped     bool   // the supervisor ended it for another reason
	exit        exit
	shouldRetry bool
}

// state is what the server is told: the task's own word if it gave one, else a
// definite failure. Exit code 0 without a word is a failure of the runner that a
// retry would repeat. "" means that the server wants to hear nothing.
func (e ending) state() string {
	switch {
	case e.byServer:
		return ""
	case e.reported != "":
		return e.reported
	case e.exit.clean() && !e.stopped, !e.shouldRetry:
		return message.StateFailed
	}
	return message.StateUpForRetry
}

// body is what is sent for a state that the task did not report itself.
func (e ending) body() []byte { return failureBody(e.state(), time.Now()) }
