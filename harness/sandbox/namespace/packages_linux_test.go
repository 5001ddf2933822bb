package namespace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// playPackageManager holds the lock until its input ends, as apt does: by fcntl, on the whole file.
func playPackageManager(path string) int {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// lockedBy starts a process that holds the lock, and returns what lets go of it.
func lockedBy(t *testing.T, path string) (release func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "lock", path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return func() { stdin.Close(); cmd.Wait() }
}

func TestLayerWaitsForTheMachinesPackageManager(t *testing.T) {
	for _, name := range []string{"lock-frontend", "lock"} {
		p := packages{dir: t.TempDir(), patience: time.Hour, pause: time.Millisecond}
		release := lockedBy(t, filepath.Join(p.dir, name))
		var said []string
		err := p.rest(t.Context(), func(text string) {
			said = append(said, text)
			release() // only somebody who was told can know
		})
		if err != nil || len(said) != 1 || !strings.Contains(said[0], "(process ") || !strings.Contains(said[0], "is changing the packages of this machine; waiting") {
			t.Errorf("%s: %v, said %q", name, err, said)
		}
		if err := p.rest(t.Context(), func(text string) { t.Errorf("%s is free: %s", name, text) }); err != nil {
			t.Error(err)
		}
	}
}

func TestWaitForTheMachinesPackageManagerIsBounded(t *testing.T) {
	p := packages{dir: t.TempDir(), pause: time.Millisecond}
	release := lockedBy(t, filepath.Join(p.dir, "lock-frontend"))
	defer release()
	err := p.rest(t.Context(), func(string) {})
	if !errors.Is(err, sandbox.ErrUnavailable) || !strings.Contains(err.Error(), "packages of this machine") || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %v", err)
	}
	p.patience = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.rest(ctx, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestInterruptedPackageManagerIsNamed(t *testing.T) {
	p := packages{dir: t.TempDir()}
	if err := p.rest(t.Context(), nil); err != nil {
		t.Errorf("no dpkg here: %v", err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(p.dir, "updates"), 0o755), os.WriteFile(filepath.Join(p.dir, "updates", "0001"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := p.rest(t.Context(), nil); !errors.Is(err, sandbox.ErrUnavailable) || !strings.Contains(err.Error(), "dpkg --configure -a") {
		t.Errorf("got %v", err)
	}
}

func TestFailureWhileTheMachinesPackagesChangeSaysSo(t *testing.T) {
	p := packages{dir: t.TempDir()}
	status := filepath.Join(p.dir, "status")
	if err := os.WriteFile(status, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("dpkg was interrupted")
	before := p.status()
	if err := p.blame(broken, before); err != broken {
		t.Errorf("nobody changes anything: %v", err)
	}
	release := lockedBy(t, filepath.Join(p.dir, "lock-frontend"))
	held := p.blame(broken, before)
	release()
	if err := os.WriteFile(status, []byte("one and two"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"held": held, "changed": p.blame(broken, before)} {
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "changed the packages of this machine") || !strings.Contains(err.Error(), "try again") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.blame(nil, before); err != nil {
		t.Errorf("nothing failed: %v", err)
	}
}
