package channel

import (
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/frame"
)

// ErrNoDescriptors reports a connection that is no Unix socket, on which no
// descriptor can be passed. Nothing was written.
var ErrNoDescriptors = errors.New("no descriptor can be passed on this connection")

// An Answer deals with the payload of one request. It writes what is to be
// answered to w, once, or nothing. Its error ends the conversation.
type Answer func(w *Writer, request []byte) error

// Serve is the end of a supervisor. It writes the startup frame, if there is one, and
// hands each request to answer, one after the other in the order in which they
// arrive, none longer than maxPayload octets (0: frame.DefaultMaxPayload).
//
// It returns nil when the conversation has ended (Ended), be it that reading found
// so or answer did. Otherwise the error is that of answer, of writing the startup
// frame, or of package frame: the stream makes no sense any more. A runner may
// have asked and gone before its startup frame is written; what it asked is still handed to answer.
// Serve closes nothing.
func Serve(conn io.ReadWriter, maxPayload uint32, startup []byte, answer Answer) error {
	w := NewWriter(conn)
	if startup != nil {
		if err := w.Write(startup); err != nil && !Ended(err) {
			return err
		}
	}
	r := frame.NewReader(conn, maxPayload)
	for {
		request, err := r.Next()
		if Ended(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(w, request); Ended(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// Writer writes frames, header and payload in one call, some of them with a
// descriptor. It is not safe for concurrent use.
type Writer struct {
	frames *frame.Writer
	conn   *sender
}

// NewWriter returns a Writer of frames to conn, which is to have WriteMsgUnix,
// as *net.UnixConn has it, where descriptors are to travel.
func NewWriter(conn io.Writer) *Writer {
	s := &sender{Writer: conn}
	return &Writer{frames: frame.NewWriter(s), conn: s}
}

// Write writes one frame. Its errors are those of frame.Writer.
func (w *Writer) Write(payload []byte) error { return w.frames.Write(payload) }

// WriteWith writes one frame with a descriptor on its first octet. The file stays
// the caller's.
func (w *Writer) WriteWith(payload []byte, file *os.File) error {
	if _, can := w.conn.Writer.(rightsWriter); !can {
		return ErrNoDescriptors
	}
	w.conn.file = file
	defer func() { w.conn.file = nil }()
	return w.frames.Write(payload)
}

type rightsWriter interface {
	WriteMsgUnix(b, oob []byte, addr *net.UnixAddr) (n, oobn int, err error)
}

// sender puts the file, if there is one, on the first octet of what it writes.
type sender struct {
	io.Writer
	file *os.File
}

func (s *sender) Write(b []byte) (int, error) {
	if s.file == nil {
		return s.Writer.Write(b)
	}
	raw, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	gone := raw.Control(func(fd uintptr) {
		n, _, err = s.Writer.(rightsWriter).WriteMsgUnix(b, unix.UnixRights(int(fd)), nil)
	})
	if err = errors.Join(gone, err); err != nil || n == len(b) {
		return n, err
	}
	more, err := s.Writer.Write(b[n:]) // the socket had no more room
	return n + more, err
}
