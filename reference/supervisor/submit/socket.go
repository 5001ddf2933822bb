package submit

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// lockBound is how long the lock of the socket's folder may be another's. A server
// that starts holds it for a millisecond.
const lockBound = 2 * time.Second

// lockAgain is the time between two tries to get it.
const lockAgain = 10 * time.Millisecond

// Listen makes the socket of a server. A path left by one that died is used
// again; one that is alive keeps it. Users other than our own and root can
// connect only if others is set; who is listened to is decided by uid all the same.
//
// The folder and all above it have to be ours or root's, and closed to the writing
// of others, unless sticky: who can rename the socket could put another in its place.
//
// remove is to be called before the listener is closed: it removes the socket, unless
// another one is at the path by then.
func Listen(path string, others bool) (listener *net.UnixListener, remove func(), err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, nil, fmt.Errorf("look at the folder of the socket: %w", err)
	}
	defer folder.Close()
	if err := trusted(filepath.Dir(path), 0, os.Geteuid()); err != nil {
		return nil, nil, err
	}
	// Two servers that start at once look one after the other.
	if err := lock(folder); err != nil {
		return nil, nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, nil, err
	}
	old := unix.Umask(0o177) // closed from its first moment on
	listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener.SetUnlinkOnClose(false)
	if others {
		if err := os.Chmod(path, 0o666); err != nil {
			listener.Close()
			return nil, nil, err
		}
	}
	made, err := os.Lstat(path)
	if err != nil {
		listener.Close()
		return nil, nil, fmt.Errorf("look at our socket: %w", err)
	}
	return listener, func() {
		if info, err := os.Lstat(path); err == nil && os.SameFile(info, made) {
			_ = os.Remove(path)
		}
	}, nil
}

// lock takes the lock of a folder, which goes with the descriptor. Whoever can read
// the folder can take it too, so it is not waited for without end.
func lock(folder *os.File) error {
	for deadline := time.Now().Add(lockBound); ; time.Sleep(lockAgain) {
		err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", folder.Name(), err)
		case time.Now().After(deadline):
			return fmt.Errorf("lock %s: another process has held it for %v: %w", folder.Name(), lockBound, err)
		}
	}
}

// trusted refuses a folder in which others than the owners could replace a socket.
func trusted(folder string, owners ...int) error {
	if err := safefile.Trusted(folder, owners...); err != nil {
		return fmt.Errorf("others could replace the socket: %w", err)
	}
	return nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// trustedServer refuses to tell a token to whoever put a socket where a server's is
// expected. A server is root, our own user, or the owner of the folder of its
// socket, if nobody else can replace that.
func trustedServer(path string, conn *net.UnixConn) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	uid, err := PeerUID(conn)
	if err != nil || uid == 0 || uid == os.Geteuid() {
		return err
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("look at the folder of the socket: %w", err)
	}
	if owner := ownerOf(info); uid != owner {
		return fmt.Errorf("the server on %s has uid %d, and its folder belongs to uid %d: give a server a folder of its own for its socket", path, uid, owner)
	}
	return trusted(folder, 0, os.Geteuid(), uid)
}

// removeStale makes room for a socket where a server that is no more left one.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look for an old socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another server listens on %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("ask whether a server listens on %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the socket of a server that is gone: %w", err)
	}
	return nil
}

// PeerUID returns the user of the process that made the connection, which the
// kernel noted then.
func PeerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var failure error
	err = raw.Control(func(fd uintptr) {
		peer, failure = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failure); err != nil {
		return 0, fmt.Errorf("ask who connected: %w", err)
	}
	return int(peer.Uid), nil
}
