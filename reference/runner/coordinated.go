package runner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// connectTimeout is how long, in seconds, one connection to this machine may take.
const connectTimeout = 10

// ports are where a coordinator listens.
type ports struct{ comm, logs netip.AddrPort }

// parsePorts reads --comm=HOST:PORT and --logs=HOST:PORT, each of which has to be
// there once (LANG-002). The value may also be the next argument.
func parsePorts(args []string) (p ports, err error) {
	wanted := map[string]*netip.AddrPort{"--comm": &p.comm, "--logs": &p.logs}
	for len(args) > 0 {
		name, value, together := strings.Cut(args[0], "=")
		args = args[1:]
		if !together && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		into, ok := wanted[name]
		switch {
		case !ok:
			return p, fmt.Errorf("argument %q does not go with --comm and --logs", name)
		case into.IsValid():
			return p, fmt.Errorf("%s is given twice", name)
		}
		if *into, err = loopback(value); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"--comm", "--logs"} {
		if !wanted[name].IsValid() {
			return p, fmt.Errorf("%s is missing: a language runtime gets both --comm and --logs", name)
		}
	}
	return p, nil
}

// loopback reads HOST:PORT, where the host has to be this machine: the frames
// hold secrets and nothing protects them on a network.
func loopback(text string) (netip.AddrPort, error) {
	if rest, ok := strings.CutPrefix(text, "localhost:"); ok {
		text = "127.0.0.1:" + rest
	}
	port, err := netip.ParseAddrPort(text)
	if err != nil {
		return port, fmt.Errorf("%q is not HOST:PORT with an address as host: %w", text, err)
	}
	port = netip.AddrPortFrom(port.Addr().Unmap(), port.Port())
	if !port.Addr().IsLoopback() || port.Port() == 0 {
		return port, fmt.Errorf("%q is no port of this machine", text)
	}
	return port, nil
}

// dial connects to a port. The descriptor is blocking, and no child inherits it.
func dial(port netip.AddrPort) (fd int, err error) {
	domain, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(port.Port()), Addr: port.Addr().As16()})
	if port.Addr().Is4() {
		domain, address = unix.AF_INET, &unix.SockaddrInet4{Port: int(port.Port()), Addr: port.Addr().As4()}
	}
	fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		// The limit of time for writing holds for connecting, too.
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: connectTimeout})
	}
	if err == nil {
		err = retryInterrupted(func() error { return unix.Connect(fd, address) })
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{})
	}
	if err == nil { // a request is one write, and waits for no other
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err != nil {
		return -1, fmt.Errorf("connect to the coordinator at %v: %w", port, err)
	}
	return fd, nil
}

// retryInterrupted calls a system call until no signal interrupts it. A
// connection that goes on being made meanwhile is one that was made.
func retryInterrupted(call func() error) error {
	for {
		switch err := call(); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EISCONN):
			return nil
		default:
			return err
		}
	}
}

// coordinated is the runner as a language runtime, from connecting on. It returns
// the exit code.
//
//	coordinator                                  runtime
//	    |  starts it with --comm and --logs         |
//	    |------------------------------------------>|
//	    |<============ logs: JSON lines ============|
//	    |<============ comm: frames ================|
//	    |  StartupDetails                           |
//	    |------------------------------------------>| runs the task
//	    |  requests, one terminal message           |
//	    |<----------------------------------------->|
func (r *registry) coordinated(p ports) int {
	surviveClosedOutput()
	logs, err := dial(p.logs)
	if err != nil {
		return complain(err)
	}
	comm, err := dial(p.comm)
	if err != nil {
		return complain(err)
	}
	// A coordinator looks in /proc for whose connections these are. It sends the
	// first frame when it knows; secrets come with that, and not before.
	if err := awaitInput(comm); err != nil {
		return complain(err)
	}
	if err := hide(); err != nil {
		return complain(err)
	}
	c, err := newChannel(comm)
	if err != nil {
		return complain(err)
	}
	return r.begin(&execution{
		bodies: r, channel: c, coordinated: true,
		lines: &logWriter{fd: logs, fallback: os.Stderr},
	})
}

// awaitInput waits until something can be read, or the peer is gone.
func awaitInput(fd int) error {
	err := retryInterrupted(func() error {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		return err
	})
	if err != nil {
		return fmt.Errorf("wait for the coordinator: %w", err)
	}
	return nil
}

// stay refuses a task of another user: there is no switch in a language runtime,
// and running it as the user that is at hand, as Airflow does, would be worse
// than not running it.
func (s *execution) stay(ctx context.Context, name string) error {
	target, switches, err := impersonate.Resolve(ctx, name, s.settings.policy)
	if err != nil {
		return err
	}
	if switches {
		return fmt.Errorf("the task is to run as user %s (uid %d) and this process is %s: a language runtime does not switch, "+
			"so its coordinator has to start it as that user", target.Name, target.UID, s.user)
	}
	return nil
}
