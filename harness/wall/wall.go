// Package wall is what keeps foreign code inside a sandbox, whichever backend made it: provision.sh and the
// implementation under test may be anything, and are root inside.
//
//	raised by                  what
//	Exec, before init starts   capabilities, system calls, descriptors, for good: they cannot be had back
//	Disinherit, by the worker  SYS_PTRACE ends with init and worker
//	the backend                mounts, namespaces, cgroup (package namespace; the engine's own for docker)
//
// Init and worker have one capability more than root inside, SYS_PTRACE. That is what lets the stage look into
// the processes of every account, and what closes its own /proc/PID/fd, environ and mem to root inside: the kernel
// lets nobody look into a process that may do more.
//
// Package escape tries what must not be possible behind it.
package wall

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Kept are the capabilities that root has inside: Docker's defaults without MKNOD.
var Kept = []cap.Value{
	cap.AUDIT_WRITE, cap.CHOWN, cap.DAC_OVERRIDE, cap.FOWNER, cap.FSETID, cap.KILL, cap.NET_BIND_SERVICE,
	cap.NET_RAW, cap.SETFCAP, cap.SETGID, cap.SETPCAP, cap.SETUID, cap.SYS_CHROOT,
}

// Watcher is what init and worker have besides.
const Watcher = cap.SYS_PTRACE

// Exec raises the wall and replaces the calling process by argv: no descriptor but 0, 1 and 2, no capability but
// Kept, and with watcher, for argv and what it starts until Disinherit, Watcher. Where the process has SYS_ADMIN, the
// system calls of Refused are refused from here on; elsewhere an engine has seen to that.
// It returns only an error; the process is then of no further use.
func Exec(argv, env []string, watcher bool) error {
	runtime.LockOSThread()
	if err := closeOnExec(); err != nil {
		return err
	}
	mayFilter, err := cap.GetProc().GetFlag(cap.Effective, cap.SYS_ADMIN)
	if err != nil {
		return fmt.Errorf("look at the capabilities: %w", err)
	}
	if mayFilter {
		if err := refuse(); err != nil {
			return err
		}
	}
	if err := narrow(watcher); err != nil {
		return err
	}
	err = unix.Exec(argv[0], argv, env)
	return fmt.Errorf("execute %s in the sandbox: %w", argv[0], err)
}

// closeOnExec marks every descriptor but the first three: those of the backend, and those of whoever called understudy.
func closeOnExec() error {
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("mark open descriptors: %w", err)
	}
	return nil
}

// narrow takes every capability but Kept, and Watcher where asked for, out of all sets. The bounding set comes last: without
// what it still has, Watcher could not be made inheritable.
func narrow(watcher bool) error {
	now, set := cap.GetProc(), cap.NewSet()
	wanted := Kept
	if watcher {
		wanted = append([]cap.Value{Watcher}, Kept...)
	}
	for _, value := range wanted {
		// An engine, or a container around us, may give less: the worker's preflight says what is missing.
		have, err := now.GetFlag(cap.Permitted, value)
		if err != nil {
			return fmt.Errorf("look at the capability %s: %w", value, err)
		}
		if !have {
			continue
		}
		if err := errors.Join(set.SetFlag(cap.Permitted, true, value), set.SetFlag(cap.Effective, true, value)); err != nil {
			return fmt.Errorf("keep the capability %s: %w", value, err)
		}
		if value == Watcher {
			if err := set.SetFlag(cap.Inheritable, true, value); err != nil {
				return fmt.Errorf("keep the capability %s: %w", value, err)
			}
		}
	}
	if err := cap.ResetAmbient(); err != nil {
		return fmt.Errorf("give up ambient capabilities: %w", err)
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	var dropped []cap.Value
	for value := range cap.MaxBits() {
		if in, err := cap.GetBound(value); err == nil && in && !slices.Contains(Kept, value) {
			dropped = append(dropped, value)
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	if err := cap.DropBound(dropped...); err != nil {
		return fmt.Errorf("give up capabilities for good: %w", err)
	}
	return nil
}

// Disinherit keeps Watcher to this process: what it starts from now on, set-user-id programs and root included, gets Kept at most.
func Disinherit() error {
	set := cap.GetProc()
	if err := set.ClearFlag(cap.Inheritable); err != nil {
		return fmt.Errorf("keep %s from the programs that are started: %w", Watcher, err)
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("keep %s from the programs that are started: %w", Watcher, err)
	}
	return nil
}

// Contain is the first process of a container: behind the wall it is init.
func Contain() error {
	return Exec([]string{"/proc/self/exe", "init"}, os.Environ(), true)
}
