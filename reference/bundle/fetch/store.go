package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// lockPoll is the time between two attempts to take the lock of a bundle.
const lockPoll = 20 * time.Millisecond

// store is the directory of a bundle with what only those who fetch have to do with.
type store struct{ *bundle.Store }

func (s store) mirror() string { return filepath.Join(s.Dir, "mirror.git") }

// lock waits until no other process or goroutine prepares this bundle.
func (s store) lock(ctx context.Context, timeout time.Duration) (unlock func(), err error) {
	path := filepath.Join(s.Dir, "lock")
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	lock := flock.New(path, flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, lockPoll); !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("wait for %s, held by whoever prepares this bundle: not free within %v", path, timeout)
		}
		return nil, fmt.Errorf("take lock %s: %w", path, err)
	}
	return func() { _ = lock.Close() }, nil
}

// sweep removes what interrupted preparations left. The lock is held, so that
// nothing in staging is in use.
func (s store) sweep() error {
	entries, err := os.ReadDir(s.Staging())
	if err != nil {
		return fmt.Errorf("look for stale staging directories: %w", err)
	}
	for _, e := range entries {
		if err := removeTree(filepath.Join(s.Staging(), e.Name())); err != nil {
			return fmt.Errorf("remove stale staging directory: %w", err)
		}
	}
	return nil
}

// removeTree removes a directory with read-only directories in it.
func removeTree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}
