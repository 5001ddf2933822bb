// Package apart runs the tests of a package in a pid namespace of their own.
//
// The stage ends every process of the fixture users, and other sandboxes on the
// same machine have such processes too: outside a namespace a test of the stage
// would end them. The tests are not the first process of the namespace: that one
// adopts orphans, and the stage must not be the parent of its tasks' children.
//
//	go test (host)  ->  first process, mounts /proc  ->  the tests
package apart

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// act tells a process which part it plays.
const act = "UNDERSTUDY_TEST_ACT"

// Run is the body of a TestMain: it runs the tests, apart where the user is
// root, and returns the exit code. Elsewhere what needs root has to skip itself.
func Run(tests func() int) int {
	if os.Geteuid() != 0 {
		return tests()
	}
	switch os.Getenv(act) {
	case "":
		return again("first", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL})
	case "first":
		if err := showNamespace(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return again("second", nil)
	}
	return tests()
}

// again runs the test binary with the same arguments.
func again(next string, how *syscall.SysProcAttr) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = how
	cmd.Env = append(os.Environ(), act+"="+next)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "run tests in a pid namespace:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// showNamespace makes /proc show the pid namespace.
func showNamespace() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	return nil
}
