package channel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// ErrNoLog reports SentFDs without a descriptor on its first octet.
var ErrNoLog = errors.New("SentFDs came without a descriptor on its first octet")

// Runner is the end of a runner that asks one thing at a time. It is not safe for
// concurrent use, but that one goroutine may Send while another one does Receive.
type Runner struct {
	conn   *receiver
	frames *frame.Reader
	w      *frame.Writer
	next   int64 // id of the next request
	pieces bool  // see InPieces
}

// Open takes descriptor fd, as OpenConn does, for the end of a runner.
func Open(fd int) (*Runner, error) {
	conn, err := OpenConn(fd)
	if err != nil {
		return nil, err
	}
	return newRunner(conn), nil
}

// NewRunner returns the end of a runner on a connection. Ids of requests start at 0.
func NewRunner(conn net.Conn) *Runner { return newRunner(&Conn{Conn: conn}) }

func newRunner(conn *Conn) *Runner {
	c := &receiver{Conn: conn}
	return &Runner{conn: c, frames: frame.NewReader(c, 0), w: frame.NewWriter(conn)}
}

// Close ends the conversation, as far as this process is concerned.
func (r *Runner) Close() error { return r.conn.Close() }

// Startup reads the first frame.
func (r *Runner) Startup() (*message.StartupDetails, error) {
	first, err := r.Receive()
	if err != nil {
		return nil, fmt.Errorf("read startup details: %w", err)
	}
	details, is := first.Body.(*message.StartupDetails)
	if !is {
		return nil, fmt.Errorf("read startup details: the first message is %T", first.Body)
	}
	return details, nil
}

// Number has the next request go under this id, and those after it under the ids that
// follow: a supervisor attaches no meaning to them.
func (r *Runner) Number(next int64) { r.next = next }

// Ask sends a request and reads its answer. What the answer says, refusals
// included, is the caller's to judge; only its id has to be that of the request.
func (r *Runner) Ask(body message.Body) (message.Response, error) {
	id, err := r.Send(body)
	if err != nil {
		return message.Response{}, err
	}
	answer, err := r.Receive()
	switch _, again := answer.Body.(*message.StartupDetails); {
	case err != nil:
	case again:
		err = fmt.Errorf("StartupDetails came again, as if it were the answer to request #%d", id)
	case answer.ID != id:
		err = fmt.Errorf("answer #%d to request #%d", answer.ID, id)
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w", body.MessageType(), err)
	}
	return answer, nil
}

// AskLog asks for the log channel and takes the descriptor that is attached to the
// first octet of the answer. It is not inherited by children. An answer that is no
// SentFDs, and one that brings none or more than one there, is an error.
func (r *Runner) AskLog() (*os.File, error) {
	r.conn.taking = true
	answer, err := r.Ask(&message.ResendLoggingFD{})
	r.conn.taking = false
	rights := r.conn.taken
	r.conn.taken = nil
	if err == nil {
		err = logAnswer(answer, len(rights))
	}
	if err != nil {
		closeRights(rights)
		return nil, fmt.Errorf("ask for the log channel: %w", err)
	}
	return os.NewFile(uintptr(rights[0]), "log"), nil
}

// logAnswer says what is wrong with an answer to ResendLoggingFD that brought so many
// descriptors.
func logAnswer(answer message.Response, brought int) error {
	if refusal := message.AsError(answer); refusal != nil {
		return refusal.Err()
	}
	_, is := answer.Body.(*message.SentFDs)
	switch {
	case !is && answer.Body == nil:
		return errors.New("the answer is empty")
	case !is:
		return fmt.Errorf("the answer is %s", answer.Body.MessageType())
	case brought == 0:
		return ErrNoLog
	case brought > 1:
		return fmt.Errorf("SentFDs came with %d descriptors on its first octet", brought)
	}
	return nil
}

// Send sends a request and returns its id. Its answer is read by Receive.
func (r *Runner) Send(body message.Body) (id int64, err error) {
	id = r.next
	payload, err := message.EncodeRequest(message.Request{ID: id, Body: body})
	if err != nil {
		return id, fmt.Errorf("%s: %w", body.MessageType(), err)
	}
	r.next++
	return id, r.Write(payload)
}

// InPieces has each byte of what is sent from now on travel by itself, or no more so. The
// connection has to be a Unix socket then.
func (r *Runner) InPieces(on bool) { r.pieces = on }

// Write sends a payload that need be no request.
func (r *Runner) Write(payload []byte) error {
	if !r.pieces {
		return r.w.Write(payload)
	}
	for _, b := range frame.Append(nil, payload) {
		if _, err := r.conn.Write([]byte{b}); err != nil {
			return fmt.Errorf("write frame in pieces: %w", err)
		}
		if err := r.conn.AwaitRead(func() bool { return false }); err != nil {
			return fmt.Errorf("write frame in pieces: %w", err)
		}
	}
	return nil
}

// WriteOctets writes octets that need be no frame.
func (r *Runner) WriteOctets(octets []byte) error {
	_, err := r.conn.Write(octets)
	return err
}

// Next reads the next payload, whatever it holds, but waits no longer than that for it.
func (r *Runner) Next(within time.Duration) ([]byte, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	payload, err := r.frames.Next()
	return payload, errors.Join(err, r.conn.SetReadDeadline(time.Time{}))
}

// Receive reads the next answer.
func (r *Runner) Receive() (message.Response, error) {
	payload, err := r.frames.Next()
	if err != nil {
		return message.Response{}, err
	}
	return message.DecodeResponse(payload)
}

// receiver takes the descriptors that come with the next octet, once it is told to, and
// closes all others.
type receiver struct {
	*Conn
	taking bool
	taken  []int
}

func (c *receiver) Read(b []byte) (int, error) {
	if !c.taking || len(b) == 0 {
		n, err := c.Conn.Read(b)
		closeRights(c.TakeRights())
		return n, err
	}
	c.taking = false
	n, err := c.Conn.Read(b[:1])
	c.taken = c.TakeRights()
	return n, err
}
