package runner

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// become gives up root for good: groups, then real, effective and saved gid and
// uid of every thread.
func become(target impersonate.Account) error {
	runtime.LockOSThread()
	if err := syscall.Setgroups(target.Groups); err != nil {
		return fmt.Errorf("set the groups of user %s: %w", target.Name, err)
	}
	if err := syscall.Setresgid(target.GID, target.GID, target.GID); err != nil {
		return fmt.Errorf("set gid %d of user %s: %w", target.GID, target.Name, err)
	}
	if err := syscall.Setresuid(target.UID, target.UID, target.UID); err != nil {
		return fmt.Errorf("set uid %d of user %s: %w", target.UID, target.Name, err)
	}
	return nil
}

// verify reports in what this process is not target: a sudo policy can map users
// and can leave groups of the worker (IMP-004).
func verify(target impersonate.Account) error {
	ruid, euid, suid := unix.Getresuid()
	if ruid != target.UID || euid != target.UID || suid != target.UID {
		return fmt.Errorf("the switch to user %s (uid %d) led to uids %d, %d, %d", target.Name, target.UID, ruid, euid, suid)
	}
	rgid, egid, sgid := unix.Getresgid()
	if rgid != target.GID || egid != target.GID || sgid != target.GID {
		return fmt.Errorf("the switch to user %s (gid %d) led to gids %d, %d, %d", target.Name, target.GID, rgid, egid, sgid)
	}
	groups, err := unix.Getgroups()
	if err != nil {
		return fmt.Errorf("read the groups of the process: %w", err)
	}
	for _, gid := range groups {
		if !slices.Contains(target.Groups, gid) {
			return fmt.Errorf("the switch to user %s left group %d, which that user is not in; does the sudo policy say preserve_groups?", target.Name, gid)
		}
	}
	return nil
}

// adopt replaces the environment of this process.
func adopt(environment []string) error {
	os.Clearenv()
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set environment variable %q: %w", name, err)
		}
	}
	return nil
}

// dropMarkers removes the variables by which Airflow's runner tells its stages
// apart; this one has none, and a task is not to see them (IMP-005, IMP-010).
func dropMarkers() {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "_AIRFLOW_") || strings.HasPrefix(name, "__AIRFLOW_") {
			os.Unsetenv(name)
		}
	}
}
