package proc

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestACommandIsStartedUnderAUmaskAndTheOwnStays(t *testing.T) {
	own := unix.Umask(0o022)
	defer unix.Umask(own)
	for mask, want := range map[os.FileMode]string{0: "0022", 0o077: "0077", 0o002: "0002"} {
		var said strings.Builder
		cmd := exec.Command("sh", "-c", "umask")
		cmd.Stdout = &said
		if err := StartUnder(mask, cmd); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || strings.TrimSpace(said.String()) != want {
			t.Errorf("umask %q, %v, want %s", said.String(), err, want)
		}
		if now := unix.Umask(0o022); now != 0o022 {
			t.Errorf("the own umask is %04o after %04o", now, mask)
		}
	}
}
