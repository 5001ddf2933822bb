package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Key is the fingerprint of everything that decides what a layer holds. Each
// part is hashed with its label and length, so that parts cannot run together.
type Key struct{ sum hash.Hash }

// NewKey starts a key.
func NewKey() *Key { return &Key{sum: sha256.New()} }

// Text adds a labelled text.
func (k *Key) Text(label, text string) {
	fmt.Fprintf(k.sum, "%s %d %s\n", label, len(text), text)
}

// File adds the content of a file. A file that does not exist counts as absent,
// which differs from empty, when optional is true.
func (k *Key) File(label, path string, optional bool) error {
	content, err := os.ReadFile(path)
	if optional && errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(k.sum, "%s absent\n", label)
		return nil
	}
	if err != nil {
		return fmt.Errorf("fingerprint %s: %w", label, err)
	}
	k.Text(label, string(content))
	return nil
}

// String returns 20 hexadecimal digits.
func (k *Key) String() string { return hex.EncodeToString(k.sum.Sum(nil))[:20] }

// Entry is one place in the cache: a file or directory that exists only when it
// is complete, a log of how it was made, and a lock.
type Entry struct {
	Path string // the finished file or directory
	Log  string
	lock string
}

// Names beside an entry.
const (
	unfinished = ".partial"
	lockSuffix = ".lock"
)

// At returns the entry of that name below dir ("layers", "roots"), which is made when missing.
func At(dir, name string) (Entry, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Entry{}, fmt.Errorf("make cache folder: %w", err)
	}
	path := filepath.Join(dir, name)
	return Entry{Path: path, Log: path + ".log", lock: path + lockSuffix}, nil
}

// Make calls build unless the entry is there. Two processes that want the same
// entry build it once: the second waits for the lock, telling so through waiting.
// Build gets a path beside the entry to make it at, and a log to write to; what
// it leaves behind on failure is removed, the log stays.
func (e Entry) Make(ctx context.Context, waiting func(), build func(partial string, log io.Writer) error) error {
	if e.ready() {
		return nil
	}
	lock := flock.New(e.lock)
	locked, err := lock.TryLock()
	if err == nil && !locked {
		waiting()
		_, err = lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("wait for %s, which another process holds: %w", e.lock, err)
	}
	defer lock.Unlock()
	if e.ready() {
		return nil
	}
	log, err := os.Create(e.Log)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	partial := e.Path + unfinished
	if err := os.RemoveAll(partial); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if err := build(partial, log); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.Rename(partial, e.Path); err != nil {
		return fmt.Errorf("put %s in its place: %w", e.Path, err)
	}
	return nil
}

// Sweep removes what Make left half done in dir when its process was killed, and
// returns how many entries that were. What another process is making now stays.
func Sweep(dir string) (removed int, err error) {
	halves, err := filepath.Glob(filepath.Join(dir, "*"+unfinished))
	if err != nil {
		return 0, fmt.Errorf("list %s: %w", dir, err)
	}
	var problems []error
	for _, path := range halves {
		lock := flock.New(strings.TrimSuffix(path, unfinished) + lockSuffix)
		if free, err := lock.TryLock(); err != nil || !free {
			problems = append(problems, err)
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			problems = append(problems, fmt.Errorf("remove unfinished entry: %w", err))
		} else {
			removed++
		}
		problems = append(problems, lock.Unlock())
	}
	return removed, errors.Join(problems...)
}

func (e Entry) ready() bool {
	_, err := os.Lstat(e.Path)
	return err == nil
}
