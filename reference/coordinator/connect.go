package coordinator

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// maxBatch is how many connections are looked at together.
	maxBatch = 256

	// maxShown is how many refused connections are reported one by one.
	maxShown = 5
)

// Channels are the two connections of a runtime.
type Channels struct {
	Comm *net.TCPConn // frames
	Logs *net.TCPConn // JSON lines
}

// StartError reports a runtime that did not open its connections.
type StartError struct {
	Missing []string      // of comm and logs
	Exited  bool          // it ended, else it took too long
	After   time.Duration // that was waited
}

func (e *StartError) Error() string {
	what := fmt.Sprintf("the runtime did not connect to --%s within %v", strings.Join(e.Missing, " and --"), e.After)
	if e.Exited {
		what = "the runtime ended before it connected to --" + strings.Join(e.Missing, " and --")
	}
	return what
}

// Listener waits for the connections of one runtime.
type Listener struct {
	comm, logs *net.TCPListener
}

// Listen opens two ports of 127.0.0.1.
func Listen() (*Listener, error) {
	l := &Listener{}
	for _, port := range []**net.TCPListener{&l.comm, &l.logs} {
		listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("listen for the runtime: %w", err)
		}
		*port = listener
	}
	return l, nil
}

// Arguments are what the runtime is started with.
func (l *Listener) Arguments() []string {
	return []string{"--comm=" + l.comm.Addr().String(), "--logs=" + l.logs.Addr().String()}
}

// Close closes both ports. Connections that Accept returned stay open.
func (l *Listener) Close() {
	for _, port := range []*net.TCPListener{l.comm, l.logs} {
		if port != nil {
			port.Close()
		}
	}
}

// Accept waits until the runtime has opened both connections, in either order, and
// closes the ports. Connections of others are closed and reported to refused, the
// first few with the reason; they take nothing from the time the runtime has. The
// error is *StartError if the runtime ended, or took longer than timeout.
func (l *Listener) Accept(ctx context.Context, r Runtime, timeout time.Duration, refused func(text string)) (Channels, error) {
	ctx, cancel := context.WithCancel(ctx)
	arrivals := make(chan arrival, maxBatch)
	var accepting sync.WaitGroup
	for name, port := range map[string]*net.TCPListener{"comm": l.comm, "logs": l.logs} {
		accepting.Go(func() { acceptAll(ctx, name, port, arrivals) })
	}
	w := waiting{runtime: r, refused: refused, found: map[string]*net.TCPConn{}}
	err := w.wait(ctx, arrivals, timeout)
	cancel()
	l.Close()
	accepting.Wait()
	close(arrivals)
	for a := range arrivals { // nobody looked at them
		if a.conn != nil {
			a.conn.Close()
		}
	}
	w.sum()
	if err != nil {
		for _, conn := range w.found {
			conn.Close()
		}
		return Channels{}, err
	}
	return Channels{Comm: w.found["comm"], Logs: w.found["logs"]}, nil
}

type arrival struct {
	channel string
	conn    *net.TCPConn
	err     error // the port cannot be listened on any more; conn is nil
}

func acceptAll(ctx context.Context, channel string, port *net.TCPListener, arrivals chan<- arrival) {
	for {
		conn, err := port.AcceptTCP()
		if err != nil && ctx.Err() != nil {
			return
		}
		select {
		case arrivals <- arrival{channel, conn, err}:
		case <-ctx.Done():
			if conn != nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			return
		}
	}
}

// waiting is the state of one Accept.
type waiting struct {
	runtime Runtime
	refused func(string)
	found   map[string]*net.TCPConn
	strange int // connections of others
}

func (w *waiting) wait(ctx context.Context, arrivals <-chan arrival, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for len(w.found) < 2 {
		select {
		case first := <-arrivals:
			if err := w.judge(ctx, collect(first, arrivals)); err != nil {
				return err
			}
		case <-w.runtime.Exited:
			return &StartError{Missing: w.missing(), Exited: true}
		case <-timer.C:
			return &StartError{Missing: w.missing(), After: timeout}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// collect takes what else has arrived, so that many cost one look at the tables.
func collect(first arrival, arrivals <-chan arrival) []arrival {
	batch := []arrival{first}
	for len(batch) < maxBatch {
		select {
		case a := <-arrivals:
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}

func (w *waiting) judge(ctx context.Context, batch []arrival) (err error) {
	defer func() {
		for _, a := range batch {
			if a.conn != nil && w.found[a.channel] != a.conn {
				a.conn.Close()
			}
		}
	}()
	connections := make([]pair, len(batch))
	for i, a := range batch {
		if a.err != nil {
			return fmt.Errorf("accept connection of the runtime on --%s: %w", a.channel, a.err)
		}
		connections[i] = pairOf(a.conn)
	}
	why, err := w.runtime.owned(ctx, connections)
	if err != nil {
		return err
	}
	for i, a := range batch {
		if reason, stranger := why[connections[i]]; stranger {
			w.refuse(a.channel, connections[i].far, reason)
		} else if w.found[a.channel] == nil {
			w.found[a.channel] = a.conn
		}
	}
	return nil
}

func pairOf(conn *net.TCPConn) pair {
	plain := func(a net.Addr) netip.AddrPort {
		p := a.(*net.TCPAddr).AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	return pair{far: plain(conn.RemoteAddr()), near: plain(conn.LocalAddr())}
}

func (w *waiting) refuse(channel string, from netip.AddrPort, why string) {
	if w.strange++; w.strange <= maxShown {
		w.refused(fmt.Sprintf("Connection from %s to --%s is refused: %s", from, channel, why))
	}
}

func (w *waiting) sum() {
	if more := w.strange - maxShown; more > 0 {
		w.refused(fmt.Sprintf("%d more connections were refused", more))
	}
}

func (w *waiting) missing() []string {
	var names []string
	for _, name := range []string{"comm", "logs"} {
		if w.found[name] == nil {
			names = append(names, name)
		}
	}
	return names
}
