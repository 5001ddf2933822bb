package delegate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// maxSockets bounds what one look lists.
const maxSockets = 1 << 20

// Sockets returns the inodes of the sockets that the processes have open.
// Processes that are gone have none; those that this process may not look at are
// returned in hidden.
func Sockets(pids []int) (inodes map[uint64]bool, hidden []int, err error) {
	inodes = map[uint64]bool{}
	for _, pid := range pids {
		err := socketsOf(pid, inodes)
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden = append(hidden, pid)
		case errors.Is(err, fs.ErrNotExist): // gone
		case err != nil:
			return nil, nil, fmt.Errorf("list sockets of process %d: %w", pid, err)
		}
	}
	return inodes, hidden, nil
}

func socketsOf(pid int, inodes map[uint64]bool) error {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			target, err := os.Readlink(folder + "/" + name)
			if errors.Is(err, fs.ErrPermission) {
				return err
			}
			text, isSocket := strings.CutPrefix(target, "socket:[")
			if err != nil || !isSocket {
				continue // closed meanwhile, or something else
			}
			inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
			if err == nil && len(inodes) < maxSockets {
				inodes[inode] = true
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return gone(err)
		}
	}
}

// gone makes one error of the two that a process gives that ends meanwhile.
func gone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return fs.ErrNotExist
	}
	return err
}

// PrintSockets writes the inodes of the sockets of the processes that args names
// by pid, one in a line.
func PrintSockets(w io.Writer, args []string) error {
	var pids []int
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil || pid <= 0 {
			return fmt.Errorf("%q is not the id of a process", arg)
		}
		pids = append(pids, pid)
	}
	inodes, _, err := Sockets(pids)
	if err != nil {
		return err
	}
	var b strings.Builder
	for inode := range inodes {
		fmt.Fprintln(&b, inode)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// ParseSockets reads what PrintSockets wrote.
func ParseSockets(text []byte) (map[uint64]bool, error) {
	inodes := map[uint64]bool{}
	for line := range strings.Lines(string(text)) {
		inode, err := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read list of sockets: line %.40q is no inode", line)
		}
		inodes[inode] = true
	}
	return inodes, nil
}
