package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Recall returns the content of the entry, a file that Note put there, of at most limit octets. It makes nothing. Its error
// wraps fs.ErrNotExist where there is none, and ErrDamaged where it is not what was put there, or is longer.
func (e Entry) Recall(ctx context.Context, limit int64) ([]byte, error) {
	if _, err := os.Lstat(e.Path); err != nil {
		return nil, fmt.Errorf("look at a note: %w", err)
	}
	lock, err := take(ctx, e.Path+lockSuffix, true, func() {})
	if err != nil && !errors.Is(err, ErrUnwritable) { // what cannot be written can still be read
		return nil, err
	}
	if lock != nil {
		defer lock.Close()
		used(lock)
	}
	return e.recall(limit)
}

// recall is Recall by who holds the lock.
func (e Entry) recall(limit int64) (content []byte, err error) {
	err = e.readWhole(func(in io.Reader) error {
		if content, err = io.ReadAll(io.LimitReader(in, limit+1)); err == nil && int64(len(content)) > limit {
			err = fmt.Errorf("it has more than %d octets: %w", limit, ErrDamaged)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Note puts in the place of the entry, a file, what change makes of its content: of nil where Recall would give an error.
// No other process changes it meanwhile.
func (e Entry) Note(ctx context.Context, limit int64, change func(old []byte) ([]byte, error)) error {
	lock, err := take(ctx, e.Path+lockSuffix, false, func() {})
	if err != nil {
		return err
	}
	defer lock.Close()
	used(lock)
	old, err := e.recall(limit)
	if err != nil {
		for _, path := range []string{e.Path, e.Path + recordSuffix} {
			if err := os.RemoveAll(path); err != nil {
				return Unwritable("remove what is of no use", err)
			}
		}
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	if int64(len(content)) > limit {
		return fmt.Errorf("write a note: %d octets, and the limit is %d", len(content), limit)
	}
	partial := e.Path + partialSuffix
	out, err := e.folder.create(partial)
	if err != nil {
		return fmt.Errorf("write a note: %w", err)
	}
	_, err = out.Write(content)
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(Unwritable("write a note", err), os.Remove(partial))
	}
	return e.put(partial)
}

// used notes the time of use; only clean looks at it.
func used(lock *flock.Flock) {
	now := time.Now()
	_ = os.Chtimes(lock.Path(), now, now)
}
