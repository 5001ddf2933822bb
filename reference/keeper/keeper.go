package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/descent"
)

// Control is the descriptor of the socket to the server.
const Control = 3

// Environ is what a keeper is to be started with: it never has two things to do
// at once, and a small heap is worth more than the time to keep it small.
var Environ = []string{"GOMAXPROCS=1", "GOGC=10"}

const (
	// endBound is how long a keeper without server tries to end what descends from it.
	endBound = 10 * time.Second

	// endAgain is how long one try takes.
	endAgain = 5 * time.Millisecond
)

// Main serves requests on the socket Control until it ends.
func Main() error {
	unix.CloseOnExec(Control)
	_ = unix.CloseRange(Control, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC) // before Linux 5.11 the server's care has to do
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the keeper undumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	var k keeper
	go k.watch()
	for {
		request, fds, err := receive()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) { // which it is if the server left a report unread
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		pid, err := k.start(request, fds)
		for _, fd := range fds {
			unix.Close(fd)
		}
		if err != nil {
			var number syscall.Errno
			if !errors.As(err, &number) {
				return err
			}
			send(Report{Failed, uint32(number)})
			continue
		}
		send(Report{Started, uint32(pid)})
		keep(pid)
	}
}

// keeper knows whether anything may still be started.
type keeper struct {
	mu     sync.Mutex
	closed bool
}

func (k *keeper) start(r Request, fds []int) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return 0, syscall.ECANCELED
	}
	attr := &syscall.ProcAttr{
		Dir: "/", Env: r.Env, Files: []uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2])},
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: r.Credential},
	}
	return syscall.ForkExec(r.Argv[0], r.Argv, attr)
}

// keep reaps until nothing is left. The end of main is reported once: its pid is
// free afterwards, and a task that forks enough can have it again.
func keep(main int) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			send(Report{Kind: Empty})
			return
		case pid == main:
			send(Report{Exited, uint32(status)})
			main = 0
		}
	}
}

// watch ends everything once the server is gone.
func (k *keeper) watch() {
	for {
		fds := []unix.PollFd{{Fd: Control}} // only its end is reported
		if n, err := unix.Poll(fds, -1); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	k.mu.Lock() // for good: nothing is started any more
	k.closed = true
	for deadline := time.Now().Add(endBound); time.Now().Before(deadline) && descent.Reap(); {
		_ = descent.Hunt(os.Getpid(), endAgain) // what cannot be listed now is looked for again
	}
	os.Exit(0)
}

// receive reads one request and its three descriptors.
func receive() (Request, []int, error) {
	var header [headerSize]byte
	rights := make([]byte, unix.CmsgSpace(3*4))
	var n, m int
	var err error
	for {
		n, m, _, _, err = unix.Recvmsg(Control, header[:], rights, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return Request{}, nil, err
	}
	fds, err := descriptors(rights[:m])
	if err != nil {
		return Request{}, nil, err
	}
	if err := fill(header[n:]); err != nil {
		return Request{}, nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size > MaxRequest {
		return Request{}, nil, fmt.Errorf("%d bytes: %w", size, ErrMalformed)
	}
	body := make([]byte, size)
	if err := fill(body); err != nil {
		return Request{}, nil, err
	}
	request, err := parse(body)
	return request, fds, err
}

func descriptors(rights []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("descriptors: %w", ErrMalformed)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 3 {
		return nil, fmt.Errorf("descriptors: %w", ErrMalformed)
	}
	return fds, nil
}

func fill(b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(Control, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		b = b[max(n, 0):]
	}
	return nil
}

// send reports. If it fails the server is gone, which watch notices.
func send(r Report) {
	b := r.Append(make([]byte, 0, ReportSize))
	for {
		if _, err := unix.Write(Control, b); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
