package namespace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// planDeadline bounds how long a sandbox may take to read its plan.
const planDeadline = 20 * time.Second

// process is the first process of one sandbox, seen from outside.
type process struct {
	cmd    *exec.Cmd
	spec   []byte
	group  group
	stdin  *os.File
	events *os.File
	tail   sandbox.Tail
	ended  func()

	wait   sync.Once
	result error
}

func newProcess(worker string, spec Spec, flags uintptr, within group) (*process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("write sandbox spec: %w", err)
	}
	p := &process{cmd: exec.Command(worker, "sandbox"), spec: text, group: within}
	p.cmd.Env = wall.Environment
	p.cmd.Dir = "/"
	p.cmd.Stderr = &p.tail
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | flags,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true, // a Ctrl-C at the terminal is for the outer command alone
	}
	return p, nil
}

// start runs on the backend's thread. The child's ends of all pipes are closed here before
// anything is read, so that the end of the child is seen as end of file. The child waits for its spec, so it is in its
// group before it does anything.
func (p *process) start() error {
	specFile, specWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer specFile.Close()
	defer specWrite.Close()
	stdin, stdinWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer stdin.Close()
	events, stdout, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make pipe: %w", err), stdinWrite.Close())
	}
	defer stdout.Close()
	p.cmd.Stdin, p.cmd.Stdout = stdin, stdout
	p.cmd.ExtraFiles = []*os.File{specFile} // descriptor 3, SpecFD
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, stdinWrite.Close(), events.Close())
	}
	p.stdin, p.events = stdinWrite, events
	specFile.Close() // so that the end of a child that does not read is an error
	err = p.group.enter(p.cmd.Process.Pid)
	if err == nil {
		_, err = specWrite.Write(p.spec)
	}
	if err != nil {
		p.Kill()
		return errors.Join(err, p.Wait())
	}
	return nil
}

// tell writes the plan, which may exceed what the pipe holds.
func (p *process) tell(ctx context.Context, planLine []byte) error {
	deadline := time.Now().Add(planDeadline)
	if at, ok := ctx.Deadline(); ok && at.Before(deadline) {
		deadline = at
	}
	if err := p.stdin.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := p.stdin.Write(planLine); err != nil {
		return err
	}
	return p.stdin.SetWriteDeadline(time.Time{})
}

func (p *process) Events() io.Reader   { return p.events }
func (p *process) Input() io.Writer    { return p.stdin }
func (p *process) Diagnostics() string { return p.tail.String() }

// End closes the life line; to end what has ended is no error.
func (p *process) End() error {
	if err := p.stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("end the sandbox: %w", err)
	}
	return nil
}

// Kill ends the first process, and with it the pid namespace.
func (p *process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the sandbox: %w", err)
	}
	return nil
}

// Wait may be called more than once, from several goroutines.
func (p *process) Wait() error {
	p.wait.Do(func() {
		p.result = p.cmd.Wait()
		p.stdin.Close()
		p.events.Close()
		if killed := p.group.killed(); killed > 0 {
			fmt.Fprintf(&p.tail, "\nunderstudy: what ran in the sandbox wanted more than its %d MiB of memory: the kernel killed %d of its processes\n", sandbox.MaxMemory>>20, killed)
		}
		_ = p.group.remove() // what stays is for the sweeper
		p.ended()
	})
	return p.result
}
