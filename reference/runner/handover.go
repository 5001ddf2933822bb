package runner

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/sys/unix"

	fd0 "github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// Handover is all that the second phase gets from the first, apart from the
// channel and standard error.
//
// It lies in an anonymous memory file. The descriptor of that file and the channel
// wait, in one message, in a socket pair of which one end is closed and the other
// is descriptor 0 when sudo starts: sudo passes on 0, 1 and 2 and closes all
// others, and with log_output puts pipes in the place of 1 and 2. So the data is
// in no environment, no argument list, no file system, has no size limit, and sudo
// itself never holds it open. An abstract socket would be found by any process of
// the target.
type Handover struct {
	Target      impersonate.Account `json:"target"`
	Settings    map[string]string   `json:"settings"`
	Environment []string            `json:"environment"` // complete, of the task
	Payload     []byte              `json:"-"`           // of the startup frame, as it came
}

// handoverMark is what the message itself says.
const handoverMark = "understudy handover 1"

// errNoHandover reports a second phase that somebody else started.
var errNoHandover = errors.New("descriptor 0 brings no startup data; `resume` is started by the runner itself only")

// offer returns the descriptor that has to become descriptor 0 of the second
// phase. channel is what that phase gets back in its place.
func (h *Handover) offer(channel int) (fd int, err error) {
	head, err := json.Marshal(h)
	if err != nil {
		return -1, fmt.Errorf("encode the hand-over: %w", err)
	}
	memory, err := unix.MemfdCreate("understudy", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("create memory for the hand-over: %w", err)
	}
	defer unix.Close(memory)
	for _, part := range [][]byte{binary.BigEndian.AppendUint64(nil, uint64(len(head))), head, h.Payload} {
		if _, err := writeAll(memory, part); err != nil {
			return -1, fmt.Errorf("write the hand-over: %w", err)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("create a socket pair for the hand-over: %w", err)
	}
	defer unix.Close(pair[0])
	if err := unix.Sendmsg(pair[0], []byte(handoverMark), unix.UnixRights(memory, channel), nil, unix.MSG_NOSIGNAL); err != nil {
		unix.Close(pair[1])
		return -1, fmt.Errorf("queue the hand-over: %w", err)
	}
	return pair[1], nil
}

// accept takes the hand-over from descriptor from and puts the channel that came
// with it in its place. The memory is closed again.
func accept(from int) (*Handover, error) {
	if !isStreamSocket(from) {
		return nil, errNoHandover
	}
	mark := make([]byte, len(handoverMark)+1)
	oob := make([]byte, unix.CmsgSpace(2*4))
	n, oobn, _, _, err := unix.Recvmsg(from, mark, oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil || string(mark[:n]) != handoverMark {
		return nil, errNoHandover
	}
	fds := fd0.Rights(oob[:oobn])
	defer closeAll(fds)
	if len(fds) != 2 {
		return nil, fmt.Errorf("accept the hand-over: %d descriptors came, not 2", len(fds))
	}
	if err := unix.Dup3(fds[1], from, 0); err != nil {
		return nil, fmt.Errorf("restore the channel: %w", err)
	}
	return readHandover(fds[0])
}

func readHandover(memory int) (*Handover, error) {
	var status unix.Stat_t
	if err := unix.Fstat(memory, &status); err != nil {
		return nil, fmt.Errorf("read the hand-over: %w", err)
	}
	if status.Size < 8 || status.Size > math.MaxInt32*4 {
		return nil, fmt.Errorf("read the hand-over: %d bytes", status.Size)
	}
	text := make([]byte, status.Size)
	for read := 0; read < len(text); {
		n, err := unix.Pread(memory, text[read:], int64(read))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("read the hand-over: %d of %d bytes: %w", read, len(text), err)
		}
		read += n
	}
	size := binary.BigEndian.Uint64(text)
	if size > uint64(len(text)-8) {
		return nil, fmt.Errorf("read the hand-over: head of %d in %d bytes", size, len(text))
	}
	h := &Handover{Payload: text[8+size:]}
	if err := json.Unmarshal(text[8:8+size], h); err != nil {
		return nil, fmt.Errorf("read the hand-over: %w", err)
	}
	return h, nil
}
