package channel

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Pair makes a stream socket of this process and its other end, for a child.
// Neither is inherited unless a child is given it.
func Pair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "other end of socket")
	file := os.NewFile(uintptr(fds[0]), "own end of socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("use socket: %w", err)
	}
	return conn.(*net.UnixConn), theirs, nil
}
