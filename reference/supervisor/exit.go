package supervisor

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
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
