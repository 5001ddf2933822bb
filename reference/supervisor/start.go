package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/impersonate"
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

// environment is what the task process is started with. After a switch it is the
// target's; sudo is given the same and makes its own of it. Without a switch the
// task has the worker's, as it has the worker's files.
func environment(worker []string, target impersonate.Account, switches bool, pass []string) []string {
	if switches {
		return impersonate.Environment(target, impersonate.Allowed(worker, pass...))
	}
	var kept []string
	for _, entry := range worker {
		// Airflow's runner takes these for signs that it switched already.
		if !strings.HasPrefix(entry, "_AIRFLOW_") && !strings.HasPrefix(entry, "__AIRFLOW_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// truthful replaces what environ says about the user: Airflow's runner, which decides
// itself whether to switch, takes LOGNAME or USER for the account that it runs as.
func truthful(environ []string, account string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{"LOGNAME", "USER", "LNAME", "USERNAME"}, name) // in the order of Python's getpass
	})
	return append(kept, "LOGNAME="+account, "USER="+account)
}

// secure makes this process fit to hold a token and to own a task: undumpable, so
// that no process of the same user reads its memory or environment
// (apache/airflow#62523); subreaper, so that what the task leaves behind stays
// its descendant; and without descriptors that a child could inherit.
func secure() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the supervisor undumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	err := unix.CloseRange(3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) { // before Linux 5.11
		return fmt.Errorf("keep descriptors from children: %w", err)
	}
	return nil
}

// drains are the channels that are being copied into the task log.
type drains struct {
	log *TaskLog

	mu      sync.Mutex
	conns   []net.Conn
	running sync.WaitGroup
	closed  bool

	turn sync.Mutex // held to log: many channels give a task no larger share of the processor
}

func (d *drains) start(c channel, conn net.Conn, seen func([]byte)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
		return
	}
	d.conns = append(d.conns, conn)
	d.running.Add(1)
	go func() {
		defer d.running.Done()
		defer conn.Close()
		c.drain(conn, d.log, &d.turn, seen)
	}()
}

// done is closed when every channel has ended.
func (d *drains) done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		d.running.Wait()
		close(done)
	}()
	return done
}

// cut ends the channels that are still open.
func (d *drains) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, c := range d.conns {
		c.Close()
	}
}
