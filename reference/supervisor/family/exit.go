package family

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	Code   int            // valid unless Signal or Lost is set
	Signal syscall.Signal // that ended it, or 0
	Lost   error          // somebody else took the status; nothing is known
}

// exitOf is how a process ended that was waited for.
func exitOf(state *os.ProcessState, err error) Exit {
	if err != nil {
		return Exit{Lost: err}
	}
	return exitOfStatus(state.Sys().(syscall.WaitStatus))
}

func exitOfStatus(status syscall.WaitStatus) Exit {
	if status.Signaled() {
		return Exit{Signal: status.Signal()}
	}
	return Exit{Code: status.ExitStatus()}
}

// Clean reports whether the process ended with exit code 0.
func (e Exit) Clean() bool { return e.Lost == nil && e.Signal == 0 && e.Code == 0 }

// Describe says in a sentence how the process ended, and by a level of the task log
// how bad that is.
func (e Exit) Describe() (level, text string) {
	switch {
	case e.Lost != nil:
		return "error", fmt.Sprintf("Task process is gone, how it ended is not known: %v", e.Lost)
	case e.Signal == syscall.SIGKILL:
		return "critical", "Task process was ended by signal SIGKILL (9). If nobody killed it, the machine may have run out of memory (OOM)"
	case e.Signal == syscall.SIGSEGV:
		return "critical", "Task process was ended by signal SIGSEGV (11), a fault in native code that it uses"
	case e.Signal != 0:
		return "error", fmt.Sprintf("Task process was ended by signal %s (%d)", SignalName(e.Signal), e.Signal)
	case e.Code != 0:
		return "warning", fmt.Sprintf("Task process ended with exit code %d", e.Code)
	}
	return "info", "Task process ended with exit code 0"
}

// SignalName returns the name of a signal: SIGTERM, or "number 40" where it has none.
func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("number %d", int(s))
}
