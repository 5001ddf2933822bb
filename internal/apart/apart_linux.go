package apart

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// act tells a process which part it plays. Tests have variables of the kind, too, so the name is this package's alone.
const act = "UNDERSTUDY_APART"

// fuzzWorker is the argument with which package testing starts a test binary once
// more, below the tests and with descriptors of its own.
const fuzzWorker = "-test.fuzzworker"

// Run is the body of a TestMain: it runs the tests, apart, and returns the exit
// code. Elsewhere than as root what needs root has to skip itself.
func Run(tests func() int) int {
	if slices.Contains(os.Args, fuzzWorker) {
		return tests()
	}
	part := os.Getenv(act)
	os.Unsetenv(act) // what the tests start is none of this
	code, err := 0, error(nil)
	switch part {
	case "first":
		code, err = first()
	case "leader":
		code, err = leader()
	case "tests":
		code = tests()
	default:
		code, err = start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "run tests apart:", err)
		return 1
	}
	return code
}

// start is the process that somebody started, and ends with it.
func start() (int, error) {
	runtime.LockOSThread() // the kernel signals the death of a parent when its thread ends
	if err := endWithGo(); err != nil {
		return 0, err
	}
	lifeLine, life, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer life.Close()
	cmd, err := startIsolated(lifeLine)
	if err != nil {
		return 0, err
	}
	isolated := cmd != nil
	if !isolated {
		if cmd, err = again("leader", &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}); err != nil {
			return 0, err
		}
	}
	err = cmd.Wait()
	if !isolated {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return code(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// endWithGo has the kernel kill this process when "go test" is killed, which takes
// nothing along by itself.
func endWithGo() error {
	parent := os.Getppid()
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent)); err != nil || string(name) != "go\n" {
		return nil // started by hand: its end is no concern of the tests'
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with go: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("go has ended")
	}
	return nil
}

// startIsolated starts the first process of a namespace, and returns nil where that
// is refused. Only the attempt tells: root in a container may lack the capability,
// or have it behind a filter, a security module or a masked /proc. That process ends
// with the other end of lifeLine: by the signal for its parent's death alone it would
// live on where the parent died before the signal was asked for.
func startIsolated(lifeLine *os.File) (*exec.Cmd, error) {
	defer lifeLine.Close()
	refusal, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer refusal.Close()
	how := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	cmd, err := again("first", how, theirs, lifeLine)
	theirs.Close()
	if refused(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if text, err := io.ReadAll(refusal); err != nil || len(text) > 0 {
		return nil, errors.Join(err, ended(cmd))
	}
	return cmd, nil
}

// ended waits for a first process that was refused a mount.
func ended(cmd *exec.Cmd) error {
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// refused tells that a namespace or a mount is not to be had here from what is wrong
// with the attempt.
func refused(err error) bool {
	return slices.ContainsFunc([]error{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EINVAL, unix.ENOSPC}, func(errno error) bool { return errors.Is(err, errno) })
}

// first is the first process of the namespace. Before the tests start it says on
// descriptor 3 if it is refused a mount, or closes it.
func first() (int, error) {
	refusal := os.NewFile(3, "refusal")
	lifeLine := os.NewFile(4, "life line")
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	go func() {
		_, _ = io.Copy(io.Discard, lifeLine)
		os.Exit(128 + int(syscall.SIGKILL)) // and the namespace with it
	}()
	if err := mountProc(); refused(err) {
		_, err = fmt.Fprintln(refusal, err)
		return 1, err
	} else if err != nil {
		return 0, err
	}
	refusal.Close()
	cmd, err := again("tests", nil)
	if err != nil {
		return 0, err
	}
	for { // what the tests left, too, until they are over
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for the tests: %w", err)
		case pid == cmd.Process.Pid:
			return code(status), nil
		}
	}
}

// mountProc shows the processes of the namespace in /proc.
func mountProc() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	return nil
}

// leader is the leader of a process group and ends it when its parent is gone.
func leader() (int, error) {
	orphaned := make(chan os.Signal, 1)
	signal.Notify(orphaned, syscall.SIGTERM)
	go func() {
		<-orphaned
		_ = syscall.Kill(0, syscall.SIGKILL)
	}()
	cmd, err := again("tests", nil)
	if err != nil {
		return 0, err
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return code(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// again starts the test binary with the same arguments for another part. It gets the
// files as descriptors from 3 on.
func again(part string, how *syscall.SysProcAttr, files ...*os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Args = os.Args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr, cmd.ExtraFiles = how, files
	cmd.Env = append(os.Environ(), act+"="+part)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the tests again: %w", err)
	}
	return cmd, nil
}

// code is an exit code for whoever waits, also for a process that a signal ended.
func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
