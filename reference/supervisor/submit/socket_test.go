package submit

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The uids of two users that are neither root nor this process's.
const (
	alice = 62902
	bob   = 62903
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
	if _, _, err := Listen(filepath.Join(dir, "socket"), false); !errors.Is(err, unix.EWOULDBLOCK) || !strings.Contains(err.Error(), dir) {
		t.Errorf("locked by another: %v", err)
	}
	held.Close()
	listener, _, err := Listen(filepath.Join(dir, "socket"), false)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

// Who makes a socket where a server's is expected must not be told a token.
func TestTokenIsToldToNoStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("servers of other users need root")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // others are to enter
		t.Fatal(err)
	}
	folder := func(name string, uid int, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, mode), os.Chown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name, folder string
		uid          int
		want         string // "" if it is told
	}{
		{"root in a shared folder", folder("shared", 0, 0o777|os.ModeSticky), 0, ""},
		{"alice in a shared folder", filepath.Join(dir, "shared"), alice, "its folder belongs to uid 0"},
		{"alice in her own", folder("alice", alice, 0o755), alice, ""},
		{"bob in his own, which is in hers", folder("alice/bob", bob, 0o755), bob, "alice belongs to uid 62902, not to"},
		{"alice in her own, open to all", folder("open", alice, 0o777), alice, "mode 0777"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(c.folder, fmt.Sprint("socket", c.uid))
			told := listenAs(t, c.uid, path)
			_, err := Task(t.Context(), path, []byte(`{"token": "secret"}`), false)
			var stranger *StrangerError
			if refused := errors.As(err, &stranger); refused != (c.want != "") || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if text := <-told; strings.Contains(text, "secret") != (c.want == "") {
				t.Errorf("it was told %q", text)
			}
		})
	}
}

// listenAs listens as another user, takes one client, and gives what that says in
// one line.
func listenAs(t *testing.T, uid int, path string) <-chan string {
	t.Helper()
	type made struct {
		net.Listener
		error
	}
	done := make(chan made)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine, and its user with it
		const same = ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, uintptr(uid), same); errno != 0 {
			done <- made{nil, errno}
			return
		}
		listener, err := net.Listen("unix", path)
		done <- made{listener, err}
	}()
	listener := <-done
	if listener.error != nil {
		t.Fatal(listener.error)
	}
	t.Cleanup(func() { listener.Close() })
	told := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			told <- err.Error()
			return
		}
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		told <- line
	}()
	return told
}
