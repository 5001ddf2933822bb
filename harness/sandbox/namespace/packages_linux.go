package namespace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// packages is the package database of a machine, over whose root layers are
// made. While somebody changes it, installing into a layer fails: "dpkg was
// interrupted".
type packages struct {
	dir      string        // of dpkg
	patience time.Duration // how long its end is waited for
	pause    time.Duration // between two looks
}

func machinePackages() packages {
	return packages{dir: "/var/lib/dpkg", patience: 5 * time.Minute, pause: time.Second}
}

// rest waits until nobody changes the packages. Where that takes too long, or
// somebody gave up in the middle, it says so.
func (p packages) rest(ctx context.Context, progress sandbox.Progress) error {
	deadline := time.Now().Add(p.patience)
	for told := false; ; told = true {
		who, err := p.changing()
		if err != nil {
			return err
		}
		if who == "" {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has been changing the packages of this machine for %s, and no layer can be made over / meanwhile: try again when it has ended: %w", who, p.patience, sandbox.ErrUnavailable)
		}
		if !told {
			progress(who + " is changing the packages of this machine; waiting for its end, at most " + p.patience.String())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of %s: %w", who, ctx.Err())
		case <-time.After(p.pause):
		}
	}
	if half, err := filepath.Glob(filepath.Join(p.dir, "updates", "[0-9]*")); err == nil && len(half) > 0 {
		return fmt.Errorf("a change of the packages of this machine was interrupted, and no layer can be made over /: run \"dpkg --configure -a\": %w", sandbox.ErrUnavailable)
	}
	return nil
}

// changing returns the process that holds a lock of dpkg, "" for none.
func (p packages) changing() (string, error) {
	for _, name := range []string{"lock-frontend", "lock"} {
		path := filepath.Join(p.dir, name)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("look at the lock of this machine's packages: %w", err)
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		err = unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("look at the lock %s: %w", path, err)
		}
		if lock.Type != unix.F_UNLCK {
			return nameOf(int(lock.Pid)), nil
		}
	}
	return "", nil
}

func nameOf(pid int) string {
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && pid > 0 {
		return fmt.Sprintf("%q (process %d)", strings.TrimSpace(string(comm)), pid)
	}
	return "another process"
}

// status is what tells one state of the packages from another.
func (p packages) status() string {
	info, err := os.Stat(filepath.Join(p.dir, "status"))
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime())
}

// blame adds to the error of making a layer that the packages were changed
// meanwhile, if they were: before is what status returned at its start.
func (p packages) blame(err error, before string) error {
	who, failed := p.changing()
	if err == nil || failed != nil || who == "" && p.status() == before {
		return err
	}
	if who == "" {
		who = "another process"
	}
	return fmt.Errorf("%w\nMeanwhile %s changed the packages of this machine, over which the layer is made: try again", err, who)
}
