package supervisor

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// child is the process of the task, the runner or sudo that runs it, and the
// supervisor's ends of its channels.
type child struct {
	family
	comms  *net.UnixConn // its fd 0
	stdout *net.UnixConn
	stderr *net.UnixConn
}

// start starts argv below p with a socket each as fds 0, 1 and 2.
func start(p parent, argv, environ []string, credential *syscall.Credential) (*child, error) {
	var ours [3]*net.UnixConn
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			if f != nil {
				f.Close()
			}
		}
	}()
	for i := range ours {
		var err error
		if ours[i], theirs[i], err = socketpair(); err != nil {
			closeAll(ours[:])
			return nil, fmt.Errorf("start task process: make socket for fd %d: %w", i, err)
		}
	}
	f, err := p.start(argv, environ, credential, theirs)
	if err != nil {
		closeAll(ours[:])
		return nil, err
	}
	return &child{family: f, comms: ours[0], stdout: ours[1], stderr: ours[2]}, nil
}

func closeAll(conns []*net.UnixConn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// socketpair makes a stream socket of this process and its other end, for a
// child. Neither is inherited unless a child is given it.
func socketpair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "task end of socket")
	file := os.NewFile(uintptr(fds[0]), "supervisor end of socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}
