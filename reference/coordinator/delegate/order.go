package delegate

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxOrder is the longest order, in bytes, that is accepted: as much as the
// kernel takes as arguments and environment.
const maxOrder = 2 << 20

// headerSize is the number of bytes before an order: its length, big-endian.
const headerSize = 4

// Seals are what a memfd has to bear before it is executed: nobody can write to
// it, change its size, or take a seal away.
const Seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// Order says what execute is to become.
type Order struct {
	Argv    []string `json:"argv"` // Argv[0] is a name for people
	Environ []string `json:"environ"`
}

// Encode returns the bytes to be written to execute. The descriptor of the bundle
// has to travel with the first of them.
func (o Order) Encode() ([]byte, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode order: %w", err)
	}
	if len(text) > maxOrder {
		return nil, fmt.Errorf("encode order: arguments and environment have %d bytes, %d are possible", len(text), maxOrder)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), nil
}

// receive reads an order and the descriptor that came with its first byte. The
// descriptor is closed on exec.
func receive(fd int) (Order, int, error) {
	var o Order
	header := make([]byte, headerSize)
	control := make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := unix.Recvmsg(fd, header, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return o, -1, fmt.Errorf("receive order on descriptor %d (a sudo policy with log_input or use_pty may have replaced it): %w", fd, os.NewSyscallError("recvmsg", err))
	}
	memory, err := passed(control[:size])
	if err != nil {
		return o, -1, fmt.Errorf("receive order: %w", err)
	}
	stream := descriptor(fd)
	if _, err := io.ReadFull(stream, header[n:]); err != nil {
		return o, memory, fmt.Errorf("receive order: length: %w", err)
	}
	length := binary.BigEndian.Uint32(header)
	if length > maxOrder {
		return o, memory, fmt.Errorf("receive order: %d bytes announced, %d are possible", length, maxOrder)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(stream, text); err != nil {
		return o, memory, fmt.Errorf("receive order: %w", err)
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, memory, fmt.Errorf("receive order: %w", err)
	}
	if len(o.Argv) == 0 {
		return o, memory, fmt.Errorf("receive order: it names no program")
	}
	return o, memory, nil
}

func passed(control []byte) (int, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return -1, err
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) == 1 {
			return fds[0], nil
		}
	}
	return -1, fmt.Errorf("no bundle came with it")
}

// descriptor reads a descriptor that this process does not own.
type descriptor int

func (d descriptor) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
