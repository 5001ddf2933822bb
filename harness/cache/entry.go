package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Names beside an entry.
const (
	recordSuffix  = ".record"
	logSuffix     = ".log"
	lockSuffix    = ".lock"
	partialSuffix = ".partial"
	refreshSuffix = ".refresh" // locked while Refresh is at work
)

// Entry is one place in the cache.
type Entry struct {
	Path string // the finished file or folder
	Log  string // how it was made

	folder *Folder
}

// Entry returns the entry of that name, which may have a folder in it: "layers/1234.tar".
func (f *Folder) Entry(name string) Entry {
	path := filepath.Join(f.dir, name)
	return Entry{Path: path, Log: path + logSuffix, folder: f}
}

// Maker says how an entry is made.
type Maker struct {
	What string // the word for it, such as "layer"
	// Build makes the entry at partial, which does not exist, and writes how it went to log.
	// What it leaves behind on failure is removed, the log stays.
	Build func(partial string, log io.Writer) error
	// Check, when given, decides in place of the record whether the folder at path is good.
	// Its error, which wraps ErrDamaged, says what is wrong.
	Check func(path string) error
}

// Read hands the content of the entry, a file, to read, and makes the file first unless it is
// there. The content is compared with the record while it is read: read is called again, from the
// beginning, with a new file where it was not what was put there.
func (e Entry) Read(ctx context.Context, m Maker, read func(io.Reader) error) error {
	return e.use(ctx, m, func() error { return e.readWhole(read) })
}

// Tree makes the entry, a folder, unless it is there as it was made.
func (e Entry) Tree(ctx context.Context, m Maker) error {
	return e.use(ctx, m, func() error {
		if m.Check != nil {
			return m.Check(e.Path)
		}
		return e.compare()
	})
}

// use calls the given use of the entry, which is made before if it is absent or, once, if that finds
// it damaged. The entry is then held. Where two processes want the same, one makes it and the other waits.
func (e Entry) use(ctx context.Context, m Maker, use func() error) error {
	for made := false; ; {
		lock, err := take(ctx, e.Path+lockSuffix, true, func() { e.folder.tell("another run is making the same " + m.What + "; waiting for it") })
		if err != nil && !errors.Is(err, ErrUnwritable) {
			return err
		}
		// A cache that cannot be written can still be read: what is in it stays as it is.
		seen, err := os.Lstat(e.Path)
		if err == nil {
			err = use()
		} else if !errors.Is(err, fs.ErrNotExist) {
			err = Unwritable("look at the cached "+m.What, err)
		}
		if err == nil {
			if lock != nil {
				used(lock)
				e.folder.hold(lock)
			}
			return nil
		}
		if lock != nil {
			if err := lock.Close(); err != nil {
				return fmt.Errorf("let go of %s: %w", lock.Path(), err)
			}
		}
		switch {
		case seen == nil && errors.Is(err, fs.ErrNotExist):
		case !errors.Is(err, ErrDamaged):
			return err
		case made:
			return fmt.Errorf("%s in the cache was made anew and is damaged again, perhaps by the disk: %s: %w", m.What, e.Path, err)
		}
		if made, err = e.make(ctx, m, seen, err); err != nil {
			return err
		}
	}
}

// make makes the entry, unless another process did since it was seen absent or with the fault.
func (e Entry) make(ctx context.Context, m Maker, seen fs.FileInfo, fault error) (made bool, err error) {
	lock, err := take(ctx, e.Path+lockSuffix, false, func() { e.folder.tell("another run uses or makes the same " + m.What + "; waiting for it") })
	if err != nil {
		return false, err
	}
	defer lock.Close()
	if now, err := os.Lstat(e.Path); err == nil && (seen == nil || !os.SameFile(now, seen)) {
		return false, nil
	}
	if seen != nil {
		e.folder.tell(fmt.Sprintf("the cached %s is damaged: made again (%s)", m.What, firstReason(fault)))
	}
	for _, path := range []string{e.Path, e.Path + recordSuffix, e.Path + partialSuffix} {
		if err := os.RemoveAll(path); err != nil {
			return false, Unwritable("remove what is of no use", err)
		}
	}
	log, err := e.folder.create(e.Log)
	if err != nil {
		return false, fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	partial := e.Path + partialSuffix
	if err := m.Build(partial, log); err != nil {
		return false, errors.Join(err, os.RemoveAll(partial))
	}
	return true, e.put(partial)
}

// put records what was made and gives it its name. Both are on the disk before the name is.
func (e Entry) put(partial string) error {
	info, err := os.Lstat(partial)
	if err != nil {
		return fmt.Errorf("look at what was made: %w", err)
	}
	kind, put := kindFile, flush
	if info.IsDir() {
		kind, put = kindList, flushTree
	}
	what, err := measure(partial, kind)
	if err != nil {
		return err
	}
	if err := put(partial); err != nil {
		return err
	}
	if err := e.remember(what); err != nil {
		return err
	}
	if err := os.Rename(partial, e.Path); err != nil {
		return Unwritable("put "+e.Path+" in its place", err)
	}
	return flush(filepath.Dir(e.Path))
}

// remember writes the record.
func (e Entry) remember(r record) error {
	next := e.Path + recordSuffix + partialSuffix
	out, err := e.folder.create(next)
	if err != nil {
		return fmt.Errorf("write the record of %s: %w", e.Path, err)
	}
	_, err = out.WriteString(r.String())
	if err := errors.Join(err, out.Close()); err != nil {
		return Unwritable("write the record of "+e.Path, err)
	}
	if err := e.folder.flush(next); err != nil {
		return err
	}
	if err := os.Rename(next, e.Path+recordSuffix); err != nil {
		return Unwritable("write the record of "+e.Path, err)
	}
	return flush(filepath.Dir(e.Path))
}

// flush puts a file, or the names in a folder, on the disk.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("flush %s: %w", path, err)
	}
	return nil
}

// readWhole hands the file to read and says whether it was what was put there.
func (e Entry) readWhole(read func(io.Reader) error) error {
	want, err := readRecord(e.Path + recordSuffix)
	if err != nil {
		return err
	}
	info, err := os.Lstat(e.Path)
	switch {
	case err != nil:
		return fmt.Errorf("look at %s: %w", e.Path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is no regular file: %w", ErrDamaged)
	}
	// An error of the length needs no reading.
	if err := want.compare(record{kindFile, want.hash, info.Size()}); err != nil {
		return err
	}
	f, err := os.Open(e.Path)
	if err != nil {
		return fmt.Errorf("open %s: %w", e.Path, err)
	}
	defer f.Close()
	sum := sha256.New()
	in := &counted{from: io.TeeReader(f, sum)}
	failed := read(in)
	if _, err := io.Copy(io.Discard, in); err != nil {
		return fmt.Errorf("read it: %w: %w", err, ErrDamaged)
	}
	if err := want.compare(record{kindFile, hex.EncodeToString(sum.Sum(nil)), in.n}); err != nil {
		return err
	}
	return failed
}

type counted struct {
	from io.Reader
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// compare measures the folder and says whether it is what was put there.
func (e Entry) compare() error {
	want, err := readRecord(e.Path + recordSuffix)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(e.Path); err != nil || !info.IsDir() {
		return fmt.Errorf("it is no folder: %w", ErrDamaged)
	}
	found, err := measure(e.Path, want.kind)
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return want.compare(found)
}

// Refresh calls build, which brings the folder of the entry up to date and changes nothing that is,
// such as "go build". What is not as the last call left it is thrown away before, and people are told.
func (e Entry) Refresh(ctx context.Context, what string, build func(dir string) error) error {
	held, err := take(ctx, e.Path+lockSuffix, true, func() {})
	if err != nil {
		return err
	}
	e.folder.hold(held)
	used(held)
	lock, err := take(ctx, e.Path+refreshSuffix, false, func() { e.folder.tell("another run is making the same " + what + "; waiting for it") })
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Lstat(e.Path); err == nil {
		if err := e.compare(); errors.Is(err, ErrDamaged) {
			fault := fmt.Sprintf("damaged: made again (%s)", firstReason(err))
			if errors.Is(err, errNoRecord) { // it is written last
				fault = "unfinished: made again"
			}
			e.folder.tell(fmt.Sprintf("the cached %s are %s", what, fault))
			if err := os.RemoveAll(e.Path); err != nil {
				return Unwritable("remove what is of no use", err)
			}
		}
	}
	if err := os.MkdirAll(e.Path, 0o755); err != nil {
		return Unwritable("make the folder of the "+what, err)
	}
	before, err := stamps(e.Path)
	if err != nil {
		return err
	}
	if err := build(e.Path); err != nil {
		return err
	}
	if after, err := stamps(e.Path); err != nil || after == before {
		return err
	}
	made, err := measure(e.Path, kindTree)
	if err != nil {
		return err
	}
	if err := flushTree(e.Path); err != nil {
		return err
	}
	return e.remember(made)
}

// stamps tells a folder in which something was changed from one in which nothing was.
func stamps(dir string) (text string, err error) {
	err = walk(dir, func(_, name string, info fs.FileInfo) error {
		text += fmt.Sprintf("%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return text, err
}

// firstReason is what a fault says before the error that it wraps.
func firstReason(fault error) string {
	text := fault.Error()
	if end := len(text) - len(": "+ErrDamaged.Error()); end > 0 && text[end:] == ": "+ErrDamaged.Error() {
		return text[:end]
	}
	return text
}
