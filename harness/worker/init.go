package worker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/wall"
)

// maxPlan bounds the plan in octets.
const maxPlan = 64 << 20

// Init is the first process of a sandbox. It starts run, or exec where the plan
// asks for that, which then gets the rest of stdin. It returns its exit code, or
// 128 and the signal that ended it. It must be process 1, with whose end the kernel
// ends everything else of the sandbox.
func Init(stdin *os.File) (int, error) {
	if pid := os.Getpid(); pid != 1 {
		return 0, fmt.Errorf("start the sandbox: process id is %d, not 1: nothing would end what the sandbox leaves", pid)
	}
	input := bufio.NewReader(io.LimitReader(stdin, maxPlan))
	line, err := input.ReadBytes('\n')
	if err != nil {
		return 0, fmt.Errorf("read plan: %d octets and no end of line: %w", len(line), err)
	}
	plan, err := sealed(line)
	if err != nil {
		return 0, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("make pipe: %w", err)
	}
	mode := "run"
	if wantsExec(line) {
		mode = "exec"
	}
	run, err := startRun(mode, plan, read)
	if err != nil {
		return 0, err
	}
	rest := io.MultiReader(bytes.NewReader(already(input)), stdin)
	go endWith(io.TeeReader(rest, &optional{to: write}))
	return reap(run)
}

// wantsExec looks into the plan. What is no plan is for run to refuse.
func wantsExec(line []byte) bool {
	var p struct{ Exec json.RawMessage }
	return json.Unmarshal(line, &p) == nil && len(p.Exec) > 0
}

// already returns what was read beyond the plan.
func already(input *bufio.Reader) []byte {
	ahead, _ := input.Peek(input.Buffered()) // as much as there is: no error
	return ahead
}

// optional drops what its reader does not want any more.
type optional struct {
	to   io.WriteCloser
	gone bool
}

func (o *optional) Write(p []byte) (int, error) {
	if !o.gone {
		if _, err := o.to.Write(p); err != nil {
			o.gone = true
			_ = o.to.Close() // nobody reads it
		}
	}
	return len(p), nil
}

// sealed returns a memfd that holds text, ready to be read.
func sealed(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make memory file for the plan: %w", err)
	}
	file := os.NewFile(uintptr(fd), "plan")
	if _, err := io.Copy(file, bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("write plan: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rewind plan: %w", err)
	}
	return file, nil
}

// startRun starts run or exec, with its input, by fork and exec alone: its status
// is for reap.
func startRun(mode string, plan, input *os.File) (pid int, err error) {
	defer plan.Close()
	defer input.Close()
	pid, err = syscall.ForkExec("/proc/self/exe", []string{"understudy-worker", mode}, &syscall.ProcAttr{
		Dir: "/", Env: wall.Environment,
		Files: []uintptr{input.Fd(), os.Stderr.Fd(), os.Stderr.Fd(), plan.Fd(), os.Stdout.Fd()},
	})
	if err != nil {
		return 0, fmt.Errorf("start run: %w", err)
	}
	return pid, nil
}

// endWith ends everything when the input ends or a signal asks for it. It only has
// to leave: the kernel ends the others.
func endWith(stdin io.Reader) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // an error of the life line is its end
		close(ended)
	}()
	select {
	case <-asked:
	case <-ended:
	}
	os.Exit(128 + int(unix.SIGTERM))
}

// reap waits for every child until run has ended.
func reap(run int) (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("wait for children: %w", err)
		case pid != run:
			continue
		}
		if status.Signaled() {
			fmt.Fprintln(os.Stderr, "understudy-worker: run was ended by signal "+strconv.Itoa(int(status.Signal())))
			return 128 + int(status.Signal()), nil
		}
		return status.ExitStatus(), nil
	}
}
