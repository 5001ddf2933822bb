package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/stage"
)

// preflight finds out whether sudo can work here at all. The first thing that is
// in the way is the answer, in words that say what to change.
func preflight(ctx context.Context) error {
	for _, look := range []func() error{
		rootHere, func() error { return walled(ctx) }, sudoFile, func() error { return privileges(readText("/proc/self/status")) }, policy,
		func() error { return realSudo(ctx) },
	} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

func rootHere() error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("the worker runs as uid %d, and needs to be root", uid)
	}
	return nil
}

// sudoFile looks at the command itself: owner, set-user-id bit, mount option.
func sudoFile() error {
	path, err := exec.LookPath("sudo")
	if err != nil {
		return fmt.Errorf("sudo is not installed: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at sudo: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
		return fmt.Errorf("%s belongs to uid %d, and must belong to root", path, stat.Uid)
	}
	if info.Mode()&os.ModeSetuid == 0 {
		return fmt.Errorf("%s has no set-user-id bit", path)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return fmt.Errorf("look at the file system of sudo: %w", err)
	}
	if fs.Flags&unix.ST_NOSUID != 0 {
		return fmt.Errorf("%s is on a file system mounted nosuid", path)
	}
	return nil
}

// needed are the capabilities without which sudo or the stage cannot work.
var needed = map[string]int{
	"SETUID": unix.CAP_SETUID, "SETGID": unix.CAP_SETGID, "CHOWN": unix.CAP_CHOWN,
	"DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "FOWNER": unix.CAP_FOWNER,
}

// privileges reads /proc/self/status.
func privileges(status string) error {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "NoNewPrivs" && value != "0":
			return errors.New("no_new_privs is set: no command can gain privileges, sudo neither (in a container: drop no-new-privileges)")
		case name == "CapBnd":
			set, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				return fmt.Errorf("read capability bounding set: %w", err)
			}
			for capability, bit := range needed {
				if set&(1<<bit) == 0 {
					return fmt.Errorf("the sandbox lacks the capability %s", capability)
				}
			}
		}
	}
	return nil
}

func policy() error {
	visudo, err := exec.LookPath("visudo")
	if err != nil {
		return nil // sudo itself refuses a broken policy in the last step
	}
	if out, err := exec.Command(visudo, "-cf", "/etc/sudoers").CombinedOutput(); err != nil {
		return fmt.Errorf("the sudo policy is not valid: %w: %s", err, lastLine(string(out)))
	}
	return nil
}

// realSudo is the proof: from the worker account to alice, with nothing on stderr
// that a check of stderr could stumble over.
func realSudo(ctx context.Context) error {
	const limit = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sudo", "-n", "-u", "alice", "id", "-un")
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := stage.RunAs(cmd, stage.WorkerAccount); err != nil {
		return err
	}
	err := cmd.Run()
	noise := strings.TrimSpace(stderr.String())
	switch {
	case err != nil:
		return fmt.Errorf("sudo from %s to alice: %w: %s", stage.WorkerAccount, err, noise)
	case strings.TrimSpace(stdout.String()) != "alice":
		return fmt.Errorf("sudo from %s to alice ran as %q", stage.WorkerAccount, strings.TrimSpace(stdout.String()))
	case noise != "":
		return fmt.Errorf("sudo from %s to alice works and complains: %s", stage.WorkerAccount, noise)
	}
	return nil
}
