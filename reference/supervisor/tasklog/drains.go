package tasklog

import (
	"net"
	"sync"
)

// Drains are the channels of a task that are being copied into its log. They are
// safe for concurrent use.
type Drains struct {
	log *Log

	mu      sync.Mutex
	conns   []net.Conn
	running sync.WaitGroup
	closed  bool

	turn sync.Mutex // held to log: many channels give a task no larger share of the processor
}

// NewDrains returns none as yet.
func NewDrains(log *Log) *Drains { return &Drains{log: log} }

// Start copies conn into the log, in the background, until it ends, and closes it.
// Each line is handed to seen, if that is not nil.
func (d *Drains) Start(c Channel, conn net.Conn, seen func([]byte)) {
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

// Done returns what is closed when every channel has ended.
func (d *Drains) Done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		d.running.Wait()
		close(done)
	}()
	return done
}

// Cut ends the channels that are still open, and those that would be started later.
func (d *Drains) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, c := range d.conns {
		c.Close()
	}
}
