package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	fd0 "github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// errClosed is the error of requests on a channel that the supervisor closed
// between two frames.
var errClosed = errors.New("the supervisor closed the channel")

// channel is the runner's side of the conversation. Requests may be in flight at
// the same time; answers find them by id, and answers that nobody waits for,
// such as those to cancelled requests, are dropped.
type channel struct {
	conn   *fd0.Conn
	frames *frame.Writer
	ended  chan struct{} // closed when nothing more can be read
	err    error         // why; set before ended is closed

	mu      sync.Mutex
	next    int64
	waiting map[int64]chan answer
}

type answer struct {
	message.Response
	err    error
	rights []int // descriptors attached to the answer
}

// newChannel takes over a socket. Ids start at 0.
func newChannel(fd int) (*channel, error) {
	conn, err := fd0.OpenConn(fd)
	if err != nil {
		return nil, err
	}
	unix.Close(fd)
	return &channel{conn: conn, frames: frame.NewWriter(conn), ended: make(chan struct{}), waiting: map[int64]chan answer{}}, nil
}

// putOn makes the channel descriptor fd as well, for the program that replaces this one.
func (c *channel) putOn(fd int) error {
	raw, err := c.conn.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	gone := raw.Control(func(own uintptr) { err = unix.Dup3(int(own), fd, 0) })
	return errors.Join(gone, err)
}

// first reads the startup frame. It is to be called before listen.
func (c *channel) first() ([]byte, error) {
	payload, err := frame.NewReader(c.conn, 0).Next()
	closeAll(c.conn.TakeRights())
	if errors.Is(err, io.EOF) {
		err = errClosed
	}
	if err != nil {
		return nil, fmt.Errorf("read startup details: %w", err)
	}
	return payload, nil
}

// listen begins to take in answers, none of them longer than maxPayload bytes.
func (c *channel) listen(maxPayload uint32) {
	go func() {
		c.err = c.dispatch(frame.NewReader(c.conn, maxPayload))
		closeAll(c.conn.TakeRights())
		close(c.ended)
	}()
}

func (c *channel) dispatch(r *frame.Reader) error {
	for {
		payload, err := r.Next()
		if errors.Is(err, io.EOF) {
			return errClosed
		}
		if err != nil {
			return err
		}
		response, err := message.DecodeResponse(payload)
		if err != nil {
			var bad *message.DecodeError
			var malformed *message.MalformedError
			if !errors.As(err, &bad) || !bad.HasID || errors.As(err, &malformed) {
				return err
			}
			response.ID = bad.ID
		}
		c.deliver(answer{Response: response, err: err, rights: c.conn.TakeRights()})
	}
}

func (c *channel) deliver(a answer) {
	c.mu.Lock()
	reply, ok := c.waiting[a.ID]
	delete(c.waiting, a.ID)
	c.mu.Unlock()
	if !ok {
		closeAll(a.rights)
		return
	}
	reply <- a // has room for it
}

// pending is a request that was sent, or could not be.
type pending struct {
	id    int64
	name  string
	reply chan answer
	err   error
}

// ask sends a request and waits for its answer, for the end of the channel or
// of ctx. The descriptors of the answer are the caller's.
func (c *channel) ask(ctx context.Context, body message.Body) (answer, error) {
	if ctx.Err() != nil { // nobody waits for what it would do
		return answer{}, fmt.Errorf("%s: %w", body.MessageType(), context.Cause(ctx))
	}
	return c.await(ctx, c.send(body))
}

// send sends a request, whose answer has to be awaited.
func (c *channel) send(body message.Body) pending {
	p := pending{name: body.MessageType(), reply: make(chan answer, 1)}
	c.mu.Lock()
	p.id = c.next
	c.next++
	c.waiting[p.id] = p.reply
	c.mu.Unlock()

	payload, err := message.EncodeRequest(message.Request{ID: p.id, Body: body})
	if err == nil {
		err = c.frames.Write(payload)
	}
	p.err = err
	return p
}

func (c *channel) await(ctx context.Context, p pending) (answer, error) {
	err := p.err
	if err == nil {
		select {
		case a := <-p.reply:
			return a, a.err
		case <-c.ended:
			err = c.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	c.forget(p.id, p.reply)
	return answer{}, fmt.Errorf("%s: %w", p.name, err)
}

// forget withdraws a request whose answer might be on its way.
func (c *channel) forget(id int64, reply chan answer) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
	select {
	case a := <-reply:
		closeAll(a.rights)
	default:
	}
}

// Ask implements Supervisor.
func (c *channel) Ask(ctx context.Context, request message.Body) (message.Body, error) {
	a, err := c.ask(ctx, request)
	closeAll(a.rights)
	if err != nil {
		return nil, err
	}
	if refusal := message.AsError(a.Response); refusal != nil {
		return nil, fmt.Errorf("%s: %w", request.MessageType(), refusal.Err())
	}
	return a.Body, nil
}
