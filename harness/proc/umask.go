package proc

import (
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// StartUnder starts a command with that umask, or one of its own for 0. The mask is that of
// the whole process for a moment: a thread with one of its own needs a system call that
// containers refuse, and a shell in between changes the environment. What else is
// written meanwhile has to get its mode by chmod.
func StartUnder(mask os.FileMode, cmd *exec.Cmd) error {
	if mask != 0 {
		defer unix.Umask(unix.Umask(int(mask)))
	}
	return cmd.Start()
}
