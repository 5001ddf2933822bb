package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A process that does nothing lives for a millisecond: no look at /proc every 20 ms would
// be sure to see it.
func TestEachCallOfACommandIsCountedHoweverShortItLives(t *testing.T) {
	file, dir := t.TempDir(), t.TempDir()
	text, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(file, "brief"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	// As /usr/bin/sudo is with sudo-rs: a link into another folder.
	if err := os.Symlink(filepath.Join(file, "brief"), filepath.Join(dir, "brief")); err != nil {
		t.Fatal(err)
	}
	calls, err := WatchCalls("brief", []string{"/nonexistent", dir})
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	count := func(want int) {
		t.Helper()
		if got, err := calls.Count(); got != want || err != nil {
			t.Errorf("%d calls, %v, want %d", got, err, want)
		}
	}
	for _, path := range []string{filepath.Join(dir, "brief"), filepath.Join(file, "brief")} {
		if _, err := exec.LookPath(path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
	count(0)
	for n, path := range []string{filepath.Join(dir, "brief"), filepath.Join(file, "brief")} {
		if err := exec.Command(path).Run(); err != nil {
			t.Fatal(err)
		}
		count(n + 1)
	}
	for range 3 {
		if err := exec.Command(filepath.Join(dir, "brief")).Run(); err != nil {
			t.Fatal(err)
		}
	}
	count(5)
}

func TestCallsOfACommandThatIsNowhereCannotBeCounted(t *testing.T) {
	if _, err := WatchCalls("nowhere", []string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "in none of") {
		t.Errorf("error %v", err)
	}
}
