package supervisor

import (
	"net"
	"sync"
)

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
