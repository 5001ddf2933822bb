package coordinator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
)

// Runtime is what tells a connection of a runtime from those of others.
type Runtime struct {
	UID int // it runs as

	// Processes lists the processes that the runtime consists of at the moment.
	Processes func() ([]int, error)

	// Sockets lists the inodes of the sockets of processes that this process may not
	// look at, such as those of another user. It is nil where there is nobody to ask.
	Sockets func(ctx context.Context, pids []int) (map[uint64]bool, error)

	// Exited is closed when the runtime's first process is gone.
	Exited <-chan struct{}
}

// endpoint is the far end of a connection as the kernel knows it.
type endpoint struct {
	uid   int
	inode uint64
}

// pair is both ends of a connection, the far one first, without the form of IPv4
// addresses that IPv6 sockets have.
type pair struct{ far, near netip.AddrPort }

// looks is how often a connection is looked for before it counts as a stranger's.
// Neither the kernel's tables nor the list of processes is of one moment: what
// changes while they are read can hide an entry.
const looks = 3

// owned returns a reason for each of the connections that is not the runtime's. A
// connection is the runtime's if the socket at its far end
// belongs to the runtime's user and is open in one of the runtime's processes.
func (r Runtime) owned(ctx context.Context, connections []pair) (why map[pair]string, err error) {
	open := connections
	for range looks {
		if why, err = r.strangers(ctx, open); err != nil {
			return nil, err
		}
		if open = slices.DeleteFunc(slices.Clone(open), func(c pair) bool { return why[c] == "" }); len(open) == 0 {
			break
		}
	}
	return why, nil
}

// strangers is one look. It has a reason for each connection that is not the
// runtime's, as far as can be seen.
func (r Runtime) strangers(ctx context.Context, connections []pair) (map[pair]string, error) {
	ends, err := endpoints(connections)
	if err != nil {
		return nil, err
	}
	why := map[pair]string{}
	var open map[uint64]bool
	for _, c := range connections {
		end, there := ends[c]
		switch {
		case !there || end.inode == 0:
			why[c] = "it was closed before anybody could be found to own it"
			continue
		case end.uid != r.UID:
			why[c] = fmt.Sprintf("it belongs to uid %d, the runtime is of uid %d", end.uid, r.UID)
			continue
		}
		if open == nil { // asked once, when all of them are there
			if open, err = r.sockets(ctx); err != nil {
				return nil, fmt.Errorf("list sockets of the runtime: %w", err)
			}
		}
		if !open[end.inode] {
			why[c] = fmt.Sprintf("it belongs to uid %d, as the runtime, but to none of the runtime's processes", end.uid)
		}
	}
	return why, nil
}

func (r Runtime) sockets(ctx context.Context) (map[uint64]bool, error) {
	pids, err := r.Processes()
	if err != nil {
		return nil, err
	}
	inodes, hidden, err := delegate.Sockets(pids)
	if err != nil || len(hidden) == 0 || r.Sockets == nil {
		return inodes, err
	}
	more, err := r.Sockets(ctx, hidden)
	for inode := range more {
		inodes[inode] = true
	}
	return inodes, err
}

// endpoints finds the far ends of connections in the kernel's tables.
func endpoints(connections []pair) (map[pair]endpoint, error) {
	wanted := map[pair]bool{}
	for _, c := range connections {
		wanted[c] = true
	}
	found := map[pair]endpoint{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(table)
		if errors.Is(err, fs.ErrNotExist) { // no IPv6 here
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find owner of connection: %w", err)
		}
		err = scanTable(file, wanted, found)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("find owner of connection: read %s: %w", table, err)
		}
	}
	return found, nil
}

// scanTable reads a table of the form of /proc/net/tcp:
//
//	sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
//	 0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 1000 0 12345 ...
func scanTable(r io.Reader, wanted map[pair]bool, found map[pair]endpoint) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 10 {
			continue
		}
		local, ok1 := parseAddress(fields[1])
		remote, ok2 := parseAddress(fields[2])
		p := pair{far: local, near: remote}
		if !ok1 || !ok2 || !wanted[p] {
			continue
		}
		uid, err1 := strconv.Atoi(string(fields[7]))
		inode, err2 := strconv.ParseUint(string(fields[9]), 10, 64)
		if err1 == nil && err2 == nil {
			found[p] = endpoint{uid, inode}
		}
	}
	return lines.Err()
}

// parseAddress reads ADDRESS:PORT in hexadecimal digits. The address is a row of
// words of 32 bits, each printed as a number of this machine; the port is one.
func parseAddress(text []byte) (netip.AddrPort, bool) {
	address, port, ok := bytes.Cut(text, []byte{':'})
	if !ok || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, false
	}
	raw := make([]byte, len(address)/2)
	if _, err := hex.Decode(raw, address); err != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	number, err := strconv.ParseUint(string(port), 16, 16)
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok && err == nil
}
