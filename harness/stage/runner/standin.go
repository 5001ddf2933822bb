package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// parent is a process that stands between the stage and a runner.
type parent struct {
	*stage.Conversation
	cmd *exec.Cmd
}

// standIn is the order to "understudy-worker parent": what to start, and as whom.
type standIn struct {
	Path       string              `json:"path"`
	Args       []string            `json:"args"`
	Env        []string            `json:"env"`
	Credential *syscall.Credential `json:"credential"`
	Channels   int                 `json:"channels"` // descriptors of the runner, from 0 on
}

// begin starts the runner as a child of another process, which can then be killed in
// place of the stage.
func (p *parent) begin(cmd *exec.Cmd, theirs ...*os.File) error {
	defer closeAll(theirs)
	order, err := json.Marshal(standIn{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Credential: cmd.SysProcAttr.Credential, Channels: len(theirs)})
	if err != nil {
		return fmt.Errorf("encode order for the stand-in parent: %w", err)
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make socket for the stand-in parent: %w", err)
	}
	told, tell := os.NewFile(uintptr(ends[0]), "told"), os.NewFile(uintptr(ends[1]), "tell")
	defer tell.Close()
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"understudy-worker", "parent", string(order)}, Dir: "/", Env: []string{},
		Stderr: os.Stderr, ExtraFiles: append(append([]*os.File{}, theirs...), tell),
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := p.cmd.Start(); err != nil {
		told.Close()
		return fmt.Errorf("start stand-in parent: %w", err)
	}
	p.FollowParent(p.cmd.Process.Pid)
	var pid int
	if _, err := fmt.Fscanln(told, &pid); err != nil {
		told.Close()
		return fmt.Errorf("hear from the stand-in parent: %w", err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		told.Close()
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	if err := p.Follow(pid, func() (syscall.WaitStatus, bool) { return p.wait(fd, told) }); err != nil {
		return err
	}
	_, _ = told.Write([]byte{'\n'}) // a stand-in that was killed meanwhile need not hear it
	return nil
}

// wait learns from the stand-in how the runner ended, or, where the stand-in was
// killed, only that it did.
func (p *parent) wait(pidfd int, told *os.File) (syscall.WaitStatus, bool) {
	defer told.Close()
	defer unix.Close(pidfd)
	var status uint32
	_, err := fmt.Fscanln(told, &status)
	known := err == nil
	for err != nil { // nobody told: wait for the process itself
		n, failed := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if n > 0 || failed != nil && !errors.Is(failed, unix.EINTR) {
			break
		}
	}
	_ = p.cmd.Wait() // that it was killed is no error
	return syscall.WaitStatus(status), known
}

// firstChannel is the first of the descriptors that a stand-in parent is given: those of
// the runner, and then one on which it tells the stage what it does.
const firstChannel = 3

// StandIn is the whole of "understudy-worker parent": it starts one runner as
// its child, tells the stage the process id and later the wait status, and has
// nothing else to do with the conversation. It keeps the thread that forked,
// since a parent-death signal is bound to that thread.
func StandIn(order string) error {
	runtime.LockOSThread()
	var o standIn
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var files []*os.File
	for fd := firstChannel; fd <= firstChannel+o.Channels; fd++ {
		syscall.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "channel"))
	}
	channels, tell := files[:o.Channels], files[o.Channels]
	child, err := os.StartProcess(o.Path, o.Args, &os.ProcAttr{
		Dir: "/", Env: o.Env, Files: channels,
		Sys: &syscall.SysProcAttr{Setpgid: true, Credential: o.Credential},
	})
	if err != nil {
		return fmt.Errorf("start runner: %w", err)
	}
	closeAll(channels)
	if _, err := fmt.Fprintln(tell, child.Pid); err != nil {
		return fmt.Errorf("tell the process id: %w", err)
	}
	// Until the stage has looked at the child, it must not be reaped: its id would be nobody's.
	// The end of the stage is an answer as well.
	_, _ = tell.Read(make([]byte, 1))
	state, err := child.Wait()
	if err != nil {
		return fmt.Errorf("wait for runner: %w", err)
	}
	status, _ := state.Sys().(syscall.WaitStatus) // always so on Linux
	if _, err := fmt.Fprintln(tell, uint32(status)); err != nil {
		return fmt.Errorf("tell the status: %w", err)
	}
	return nil
}
