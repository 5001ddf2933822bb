package probe

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// spawn starts a child and leaves it running.
func spawn(_ context.Context, _ *attempt, args arguments) (any, error) {
	argv, err := args.words("argv")
	if err != nil {
		return nil, err
	}
	daemonise, err := args.flag("daemonise")
	if err != nil {
		return nil, err
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("spawn: %w", err)
	}
	start := start
	if daemonise {
		start = startDaemon
	}
	pid, err := start(path, argv)
	if err != nil {
		return nil, fmt.Errorf("spawn: %w", err)
	}
	return map[string]any{"pid": pid}, nil
}

// start gives the child the three standard descriptors and no others.
func start(path string, argv []string) (pid int, err error) {
	child, err := os.StartProcess(path, argv, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, err
	}
	pid = child.Pid
	return pid, child.Release()
}

// daemon is a shell that leads a session of its own, starts its arguments in the
// background with nothing but /dev/null open, names their pid and ends: forked
// twice, the daemon leads no session and has lost its parent.
const daemon = `exec 3>&1 >/dev/null 2>&1 </dev/null; "$@" 3>&- & echo $! >&3`

func startDaemon(path string, argv []string) (pid int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	shell, err := os.StartProcess("/bin/sh", append([]string{"sh", "-c", daemon, "sh", path}, argv[1:]...), &os.ProcAttr{
		Files: []*os.File{os.Stdin, w, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	w.Close()
	if err != nil {
		return 0, err
	}
	defer shell.Release()
	text, err := io.ReadAll(io.LimitReader(r, 64))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
