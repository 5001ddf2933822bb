package impersonate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Effective returns the name of the user that a task should run as: the task's
// own if it names one, else the default, else "" for no switch (IMP-001).
func Effective(taskUser, defaultUser string) string {
	if taskUser != "" {
		return taskUser
	}
	return defaultUser
}

// ErrRootRefused reports root as target without the setting that permits it.
var ErrRootRefused = errors.New("root is refused as target; [understudy] allow_root = True permits it")

// Policy is what settings say about targets.
type Policy struct {
	AllowRoot bool
}

// Resolve returns the account of the effective user and whether the process
// has to switch to become it. An empty name needs no account and no switch, so
// that a worker whose uid has no entry works (IMP-030).
//
// Only numbers decide: the process is already that user if its effective uid is
// the account's. Root is refused to a process that is root as well (IMP-026): its
// tasks run as a default user, and naming root would undo that. Every error names
// the user.
func Resolve(ctx context.Context, name string, policy Policy) (target Account, switches bool, err error) {
	return resolve(ctx, Database{}, os.Geteuid(), name, policy)
}

func resolve(ctx context.Context, accounts Database, euid int, name string, policy Policy) (Account, bool, error) {
	if name == "" {
		return Account{}, false, nil
	}
	target, err := accounts.Lookup(ctx, name)
	if err != nil {
		return Account{}, false, fmt.Errorf("cannot run the task as user %q: %w", name, err)
	}
	if target.UID == 0 && !policy.AllowRoot {
		return Account{}, false, fmt.Errorf("cannot run the task as user %q: %w", name, ErrRootRefused)
	}
	return target, target.UID != euid, nil
}

// Command says how to start argv as target. As root the answer is argv itself
// and the credential to start it with; otherwise it is a sudo command that asks
// for no password, takes the target's home, and keeps nothing of the environment.
func Command(target Account, argv []string) (command []string, credential *syscall.Credential, err error) {
	if os.Geteuid() == 0 {
		return argv, Credential(target), nil
	}
	sudo, err := FindSudo()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot switch to user %q: %w", target.Name, err)
	}
	return append([]string{sudo, "-n", "-H", "-u", target.Name, "--"}, argv...), nil, nil
}

// FindSudo returns the path of sudo.
func FindSudo() (string, error) {
	path, err := exec.LookPath("sudo")
	if err != nil {
		return "", fmt.Errorf("the worker is not root and has no sudo: %w", err)
	}
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("sudo found as %s: PATH must hold absolute directories", path)
	}
	return path, nil
}

// Credential returns uid, gid and exactly the groups of target.
func Credential(target Account) *syscall.Credential {
	credential := &syscall.Credential{Uid: uint32(target.UID), Gid: uint32(target.GID)}
	for _, gid := range target.Groups {
		credential.Groups = append(credential.Groups, uint32(gid))
	}
	return credential
}
