package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Who can read the folder of the socket can lock it, and keeps no server from
// saying so.
func TestLockedFolderIsNotWaitedForWithoutEnd(t *testing.T) {
	dir := t.TempDir()
	held, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := listenOn(filepath.Join(dir, "socket"), false); !errors.Is(err, unix.EWOULDBLOCK) || !strings.Contains(err.Error(), dir) {
		t.Errorf("locked by another: %v", err)
	}
	held.Close()
	listener, err := listenOn(filepath.Join(dir, "socket"), false)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}
