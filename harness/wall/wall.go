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
var Kept = slices.Concat(ofProvision, ofNetwork)

var (
	ofProvision = []cap.Value{
		cap.AUDIT_WRITE, cap.CHOWN, cap.DAC_OVERRIDE, cap.FOWNER, cap.FSETID, cap.KILL,
		cap.SETFCAP, cap.SETGID, cap.SETPCAP, cap.SETUID, cap.SYS_CHROOT,
	}
	// ofNetwork are for a network of one's own: a script that prepares a root has the machine's.
	ofNetwork = []cap.Value{cap.NET_BIND_SERVICE, cap.NET_RAW}
)

// watcher is what init and worker have besides.
const watcher = cap.SYS_PTRACE

// Inside says what is executed behind the wall.
type Inside int

const (
	Init      Inside = iota // our own init: Kept, and SYS_PTRACE for it and what it starts until Disinherit
	Provision               // a script that prepares a root, in the machine's network: Kept but what is of use in a network
)

func (i Inside) capabilities() []cap.Value {
	if i == Provision {
		return ofProvision
	}
	return slices.Concat(Kept, []cap.Value{watcher})
}

// Environment is all that the first process of a sandbox, and what it starts, get of one: nothing that the host exported.
var Environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}

// Exec raises the wall and replaces the calling process by argv: no descriptor but 0, 1 and 2, and no capability but those of
// what is inside. Where the process has SYS_ADMIN, system calls are refused from here on; elsewhere an engine has seen to that.
// It returns only an error; the process is then of no further use.
func Exec(argv, env []string, inside Inside) error {
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
	if err := narrow(inside.capabilities()); err != nil {
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

// narrow takes every capability but the wanted out of all sets. The bounding set comes last: without what it still has,
// watcher, which stays out of it, could not be made inheritable.
func narrow(wanted []cap.Value) error {
	now, set := cap.GetProc(), cap.NewSet()
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
		if value == watcher {
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
		if in, err := cap.GetBound(value); err == nil && in && (value == watcher || !slices.Contains(wanted, value)) {
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

// Disinherit keeps SYS_PTRACE to this process: what it starts from now on, set-user-id programs and root included, gets Kept at most.
func Disinherit() error {
	set := cap.GetProc()
	if err := set.ClearFlag(cap.Inheritable); err != nil {
		return fmt.Errorf("keep %s from the programs that are started: %w", watcher, err)
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("keep %s from the programs that are started: %w", watcher, err)
	}
	return nil
}

// Contain is the first process of a container: behind the wall it is init.
func Contain() error {
	return Exec([]string{"/proc/self/exe", "init"}, os.Environ(), Init)
}
