package safefile_test

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// device makes a node that never ends to be read (/dev/zero), by the numbers of
// the machine's own.
func device(t *testing.T, path string) {
	t.Helper()
	root(t)
	var zero unix.Stat_t
	must(t, unix.Stat("/dev/zero", &zero))
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(zero.Rdev)); err != nil {
		if os.IsPermission(err) {
			t.Skipf("no device can be made here: %v", err)
		}
		t.Fatal(err)
	}
}

func socket(t *testing.T, path string) {
	t.Helper()
	// By a short name: the path of a socket has at most 108 bytes.
	short := t.TempDir() + "/s"
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	must(t, os.Rename(short, path))
}
