package coordinator

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// What a Library keeps: bundles, and bytes of them in all. The one used last is
// always kept.
const (
	maxKept  = 8
	maxBytes = 1 << 30
)

// Library keeps the bundles used last, so that tasks of one bundle share its memory
// and it is hashed once. A file that was changed or exchanged is another bundle.
// The zero value is empty. It is safe for concurrent use.
type Library struct {
	mu   sync.Mutex
	kept []volume // the one used last at the end
}

type volume struct {
	id       identity
	artifact *Artifact
}

// identity is the same as long as nobody writes to a file.
type identity struct {
	device, inode    uint64
	size             int64
	modified, status unix.Timespec // mtime, and ctime, which no owner can set
}

// Open verifies the bundle at path: that it is an executable file, what its footer
// says, and the hash of its binary. Everything is read from the copy that
// Artifact.Memory holds. The artifact is the caller's to close.
func (l *Library) Open(ctx context.Context, path string) (*Artifact, error) {
	file, info, err := openExecutable(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return nil, fmt.Errorf("bundle %s: %w", path, os.NewSyscallError("fstat", err))
	}
	id := identity{stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim}
	if a, err := l.lend(id, path, nil); a != nil || err != nil {
		return a, err
	}
	a, err := verify(ctx, file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", path, err)
	}
	return l.lend(id, path, a)
}

// lend returns a copy of the bundle that is kept, nil if it is not. Then it takes
// in the one that is brought, if there is one.
func (l *Library) lend(id identity, path string, brought *Artifact) (*Artifact, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.kept, func(v volume) bool { return v.id == id })
	switch {
	case i < 0 && brought == nil:
		return nil, nil
	case i < 0:
		l.kept = append(l.kept, volume{id, brought})
	default:
		if brought != nil { // two were at it
			brought.Close()
		}
		v := l.kept[i]
		l.kept = append(slices.Delete(l.kept, i, i+1), v)
	}
	for len(l.kept) > maxKept || len(l.kept) > 1 && l.size() > maxBytes {
		l.kept[0].artifact.Close()
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	a := *l.kept[len(l.kept)-1].artifact
	fd, err := unix.FcntlInt(a.Memory.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", path, os.NewSyscallError("fcntl", err))
	}
	a.Path, a.Memory = path, os.NewFile(uintptr(fd), path)
	return &a, nil
}

// size is how many bytes are kept; l.mu is held.
func (l *Library) size() (bytes int64) {
	for _, v := range l.kept {
		bytes += v.id.size
	}
	return bytes
}
