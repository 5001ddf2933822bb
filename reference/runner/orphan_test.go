package runner

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// TestOnlyOrphansAreReaped has a zombie that os/exec is to wait for and one that
// nobody is.
func TestOnlyOrphansAreReaped(t *testing.T) {
	awaited := exec.Command("sh", "-c", "exit 3")
	if err := awaited.Start(); err != nil {
		t.Fatal(err)
	}
	left := exec.Command("true")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	pid := left.Process.Pid
	if err := left.Process.Release(); err != nil {
		t.Fatal(err)
	}
	running := exec.Command("sleep", "600")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer running.Wait()
	defer running.Process.Kill()
	for deadline := time.Now().Add(patience.Limit); !hasEnded(pid) || !hasEnded(awaited.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the children do not end")
		}
	}
	if hasEnded(running.Process.Pid) || hasEnded(os.Getpid()) {
		t.Error("what runs counts as ended")
	}
	reapOrphans()
	if err := unix.Kill(pid, 0); err == nil && hasEnded(pid) {
		t.Error("the child that nobody waits for was left")
	}
	err := awaited.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 3 {
		t.Errorf("the child that os/exec waits for: %v", err)
	}
}
