// Package cache keeps between runs what takes long to make: helper commands,
// layers, roots, the folders of built-in implementations, and notes: small files
// that are of use as long as they can be read, and are never asked for twice.
//
// Nothing in it is believed. Beside each entry lies a record of what was made:
//
//	NAME          the entry, a file or a folder, put there by a rename
//	NAME.record   kind, SHA-256 and length of it
//	NAME.log      how it was made
//	NAME.lock     flock: exclusive while it is made or removed, shared while a process uses it; its time is that of the last use
//	NAME.partial  what is being made
//
// An entry that is not what its record says is made again, once, and people are
// told. Content and record are on the disk before the entry has its name, so a
// power cut leaves the old entry, the new one, or none.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

var (
	// ErrUnwritable is wrapped where the cache would have to be written and cannot; the text says what to do.
	ErrUnwritable = errors.New("the cache cannot be written")
	// ErrForeign is wrapped where others could put things into the cache; the text says what to do.
	ErrForeign = errors.New("others could write to the cache")
	// ErrDamaged is wrapped where an entry is not what was put there, even after it was made again.
	ErrDamaged = errors.New("damaged")
)

// Folder is the cache as one process uses it. What was used is held until
// Close, so that no other process removes it meanwhile.
type Folder struct {
	dir   string
	tell  func(text string)
	flush func(path string) error // puts a file on the disk

	mu   sync.Mutex
	held []*flock.Flock
}

// Open returns the cache in dir, which is made when missing, and closed to other users. One into which
// others could have put something is refused (ErrForeign). Whatever takes time, or had to be mended,
// is told in one line each.
func Open(dir string, tell func(text string)) (*Folder, error) {
	if err := claim(dir); err != nil {
		return nil, err
	}
	return &Folder{dir: dir, tell: tell, flush: flush}, nil
}

// Dir returns the path of the cache.
func (f *Folder) Dir() string { return f.dir }

// Close lets go of what was used.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var problems []error
	for _, lock := range f.held {
		problems = append(problems, lock.Close())
	}
	f.held = nil
	return errors.Join(problems...)
}

func (f *Folder) hold(lock *flock.Flock) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = append(f.held, lock)
}

// Unwritable wraps the error of writing into the cache. Where that is for want
// of a right or of a file system that can be written, it says what to do.
func Unwritable(what string, err error) error {
	for _, cause := range []error{fs.ErrPermission, syscall.EROFS, syscall.ENOTDIR, safefile.ErrNotFolder} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%s: %w: %w: set XDG_CACHE_HOME to a folder that you may write", what, ErrUnwritable, err)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// pause is the time between two looks at a lock that another process holds.
const pause = 200 * time.Millisecond

// take locks path, for this process alone or shared with other users. It calls
// waiting once when it has to wait. The lock of a file that was removed
// meanwhile counts for nothing.
func take(ctx context.Context, path string, shared bool, waiting func()) (*flock.Flock, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("lock %s: it is no regular file: remove it", path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, Unwritable("make the folder of "+path, err)
		}
		lock := flock.New(path)
		try, wait := lock.TryLock, lock.TryLockContext
		if shared {
			try, wait = lock.TryRLock, lock.TryRLockContext
		}
		got, err := try()
		if err == nil && !got {
			waiting()
			if _, err = wait(ctx, pause); err != nil {
				return nil, errors.Join(fmt.Errorf("wait for %s, which another process holds: %w", path, err), lock.Close())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // its folder was removed in this moment
		}
		if err != nil {
			return nil, errors.Join(Unwritable("lock "+path, err), lock.Close())
		}
		if current(lock, path) {
			return lock, nil
		}
		if err := lock.Close(); err != nil {
			return nil, fmt.Errorf("let go of %s: %w", path, err)
		}
	}
}

// current reports whether a lock is that of the file which has the name now.
func current(lock *flock.Flock, path string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(locked, named)
}
