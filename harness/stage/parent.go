package stage

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// The descriptors that a stand-in parent is given.
const (
	standInComms = 3 + iota
	standInStdout
	standInStderr
	standInTell
)

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
	for fd := standInComms; fd <= standInTell; fd++ {
		syscall.CloseOnExec(fd)
		files = append(files, os.NewFile(uintptr(fd), "channel"))
	}
	tell := files[len(files)-1]
	child, err := os.StartProcess(o.Path, o.Args, &os.ProcAttr{
		Dir: "/", Env: o.Env, Files: files[:3],
		Sys: &syscall.SysProcAttr{Setpgid: true, Credential: o.Credential},
	})
	if err != nil {
		return fmt.Errorf("start runner: %w", err)
	}
	closeFiles(files[:3])
	if _, err := fmt.Fprintln(tell, child.Pid); err != nil {
		return fmt.Errorf("tell the process id: %w", err)
	}
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
