package worker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/account"
)

// step is one look of preflight. It has a name, so that a test can hold the list.
type step struct {
	name string
	look func(context.Context) error
}

// steps of preflight, in this order: a later one relies on what an earlier one found, or wrote.
var steps = []step{
	{"root", alone(rootHere)},
	{"capabilities", alone(func() error { return capable(readText("/proc/self/status")) })},
	{"accounts", alone(account.WriteDatabase)},
	{"walls", walled},
	{"sudo file", alone(sudoFile)},
	{"sudo policy", alone(policy)},
	{"sudo", realSudo},
	{"look inside", looksInside},
	{"FIFOs", func(ctx context.Context) error { return fifosWork(ctx, casesRoot) }},
	{"loopback only", alone(loopbackOnly)},
}

func alone(look func() error) func(context.Context) error {
	return func(context.Context) error { return look() }
}

// preflight finds out whether what is tested can work here at all, and whether the stage would see it,
// and writes the accounts of the sandbox meanwhile. The first thing that is in the way is the answer, in words that
// say what to change: nothing that this sandbox lacks may be taken for a fault of the implementation.
func preflight(ctx context.Context) error {
	for _, step := range steps {
		if err := step.look(ctx); err != nil {
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
	if err := account.RunAs(cmd, account.Worker); err != nil {
		return err
	}
	err := cmd.Run()
	noise := strings.TrimSpace(stderr.String())
	switch {
	case err != nil:
		return fmt.Errorf("sudo from %s to alice: %w: %s", account.Worker, err, noise)
	case strings.TrimSpace(stdout.String()) != "alice":
		return fmt.Errorf("sudo from %s to alice ran as %q", account.Worker, strings.TrimSpace(stdout.String()))
	case noise != "":
		return fmt.Errorf("sudo from %s to alice works and complains: %s", account.Worker, noise)
	}
	return nil
}
