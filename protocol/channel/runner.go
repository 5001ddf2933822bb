package channel

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// ErrNoLog reports SentFDs without a descriptor on its first octet.
var ErrNoLog = errors.New("SentFDs came without a descriptor on its first octet")

// maxRights is how many descriptors are taken in; the kernel closes those that come
// beyond.
const maxRights = 16

// Runner is the end of a runner that asks one thing at a time. It is not safe for
// concurrent use, but that one goroutine may Send while another one does Receive.
type Runner struct {
	conn   *receiver
	frames *frame.Reader
	w      *frame.Writer
	next   int64 // id of the next request
}

// Open takes descriptor fd, a stream socket, for the end of a runner. The descriptor
// itself stays the caller's and becomes non-blocking, for all who share it.
func Open(fd int) (*Runner, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open descriptor %d as channel: %w", fd, err)
	}
	file := os.NewFile(uintptr(dup), "channel")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("open descriptor %d as channel: %w", fd, err)
	}
	return NewRunner(conn), nil
}

// NewRunner returns the end of a runner on a connection. Ids of requests start at 0.
func NewRunner(conn net.Conn) *Runner {
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

// Ask sends a request and reads its answer. What the answer says, refusals
// included, is the caller's to judge; only its id has to be that of the request.
func (r *Runner) Ask(body message.Body) (message.Response, error) {
	id, err := r.Send(body)
	if err != nil {
		return message.Response{}, err
	}
	answer, err := r.Receive()
	if err == nil && answer.ID != id {
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
	rights := r.conn.rights
	r.conn.rights = nil
	if err == nil {
		err = logAnswer(answer, len(rights))
	}
	if err != nil {
		for _, fd := range rights {
			unix.Close(fd)
		}
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

// Write sends a payload that need be no request.
func (r *Runner) Write(payload []byte) error { return r.w.Write(payload) }

// Receive reads the next answer.
func (r *Runner) Receive() (message.Response, error) {
	payload, err := r.frames.Next()
	if err != nil {
		return message.Response{}, err
	}
	return message.DecodeResponse(payload)
}

// receiver takes the descriptors that come with the next octet, once it is told to.
type receiver struct {
	net.Conn
	taking bool
	rights []int
}

func (c *receiver) Read(b []byte) (int, error) {
	conn, is := c.Conn.(*net.UnixConn)
	if !c.taking || !is || len(b) == 0 {
		return c.Conn.Read(b)
	}
	c.taking = false
	oob := make([]byte, unix.CmsgSpace(maxRights*4))
	n, oobn, _, _, err := conn.ReadMsgUnix(b[:1], oob) // close-on-exec
	if n == 0 && err == nil {
		return c.Conn.Read(b) // says how the stream ended
	}
	messages, _ := unix.ParseSocketControlMessage(oob[:oobn]) // as the kernel wrote it
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			c.rights = append(c.rights, fds...)
		}
	}
	return n, err
}
