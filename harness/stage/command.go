package stage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
)

// Output is what a command of the stage gave.
type Output struct {
	ExitCode       int // -1 if a signal ended it
	Stdout, Stderr string
}

// As runs a command as an account and waits for it: the stage's own hand inside
// the sandbox, never the implementation under test. A command that cannot be
// started, or that outlasts the budget of the case, is a harness error.
func (s *Stage) As(user string, argv ...string) Output {
	s.Step(fmt.Sprintf("as %s: %s", user, strings.Join(argv, " ")))
	cmd := exec.CommandContext(s.ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	s.must(account.RunAs(cmd, user))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || s.ctx.Err() != nil) {
		s.broken("run %s as %s: %v", argv[0], user, err)
	}
	return Output{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// File writes a file for the time of the case, with exactly this owner and mode.
// What stood there before is put back afterwards.
func (s *Stage) File(path, owner string, mode os.FileMode, text string) {
	s.restore(path)
	s.must(s.Account(owner).WriteFile(path, text, mode))
}

// Dir makes a folder for the time of the case, with exactly this owner and mode.
// An existing one keeps its content, and gets its owner and mode back afterwards.
func (s *Stage) Dir(path, owner string, mode os.FileMode) {
	info, err := os.Lstat(path)
	if err == nil {
		stat, _ := info.Sys().(*syscall.Stat_t)
		s.undo = append(s.undo, func() error {
			return account.Account{UID: int(stat.Uid), GID: int(stat.Gid)}.Own(path, info.Mode().Perm())
		})
	} else {
		s.undo = append(s.undo, func() error { return os.RemoveAll(path) })
	}
	s.must(s.Account(owner).MakeDir(path, mode))
}

// restore remembers a file, so that clean-up puts it back as it was.
func (s *Stage) restore(path string) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		s.undo = append(s.undo, func() error {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove what the scenario wrote: %w", err)
			}
			return nil
		})
		return
	}
	s.must(err)
	kept := filepath.Join(s.session.Root, fmt.Sprintf("kept-%d-%d", s.number, len(s.undo)))
	s.must(copyFile(path, kept, info))
	s.undo = append(s.undo, func() error {
		defer os.Remove(kept)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("put %s back: %w", path, err)
		}
		return copyFile(kept, path, info)
	})
}

// copyFile copies a regular file or a symbolic link, with the owner and mode
// that info says.
func copyFile(from, to string, info os.FileInfo) error {
	stat, _ := info.Sys().(*syscall.Stat_t)
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return fmt.Errorf("copy link: %w", err)
		}
		return os.Symlink(target, to)
	}
	text, err := readFile(from)
	if err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	owner := account.Account{UID: int(stat.Uid), GID: int(stat.Gid)}
	if err := owner.MakeFile(to, string(text), stat.Mode&0o7777); err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	return nil
}
