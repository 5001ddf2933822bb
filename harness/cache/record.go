package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Kinds of record. A file is known by its content. So is a folder of few files
// that are read anyway (tree). A root of many thousands is known by the list of
// what it holds, with type, mode, owner, length, second of last change, and target of
// links, since reading all of it would cost each run seconds.
const (
	kindFile = "file"
	kindTree = "tree"
	kindList = "list"
)

// errNoRecord is that of an entry which was never finished, or whose record somebody removed.
var errNoRecord = fmt.Errorf("there is no record of it: %w", ErrDamaged)

// record is what was put into the cache.
type record struct {
	kind   string
	hash   string // SHA-256, hexadecimal
	length int64  // octets of a file or of all files; entries of a list
}

func (r record) String() string { return fmt.Sprintf("%s %s %d\n", r.kind, r.hash, r.length) }

// readRecord returns the record beside an entry.
func readRecord(path string) (r record, err error) {
	text, err := safefile.Read(path, 1000)
	if errors.Is(err, fs.ErrNotExist) {
		return r, errNoRecord
	}
	if err != nil {
		return r, fmt.Errorf("read its record: %w: %w", err, ErrDamaged)
	}
	if _, err := fmt.Sscanf(string(text), "%s %s %d\n", &r.kind, &r.hash, &r.length); err != nil || r.String() != string(text) {
		return r, fmt.Errorf("its record cannot be read: %w", ErrDamaged)
	}
	return r, nil
}

// measure returns the record of what lies at path.
func measure(path, kind string) (record, error) {
	sum := sha256.New()
	var length int64
	var err error
	switch kind {
	case kindFile:
		length, err = addContent(sum, path)
	case kindTree:
		length, err = addTree(sum, path)
	case kindList:
		length, err = addList(sum, path)
	default:
		err = fmt.Errorf("no kind of record is called %q", kind)
	}
	if err != nil {
		return record{}, fmt.Errorf("measure %s: %w", path, err)
	}
	return record{kind, hex.EncodeToString(sum.Sum(nil)), length}, nil
}

// compare says in which way what was found is not what was put there.
func (r record) compare(found record) error {
	switch {
	case found.kind != r.kind:
		return fmt.Errorf("it is a %s, a %s was put there: %w", found.kind, r.kind, ErrDamaged)
	case found.length != r.length && r.kind == kindList:
		return fmt.Errorf("it holds %d files and folders, %d were put there: %w", found.length, r.length, ErrDamaged)
	case found.length != r.length:
		return fmt.Errorf("it has %d octets, %d were put there: %w", found.length, r.length, ErrDamaged)
	case found.hash != r.hash:
		return fmt.Errorf("its content is not what was put there: %w", ErrDamaged)
	}
	return nil
}

func addContent(sum hash.Hash, path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(sum, f)
}

// walk calls add for everything below dir, in the order of names.
func walk(dir string, add func(path, name string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return add(path, name, info)
	})
}

func addTree(sum hash.Hash, dir string) (length int64, err error) {
	err = walk(dir, func(path, name string, info fs.FileInfo) error {
		if info.IsDir() {
			return nil
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file: %w", name, ErrDamaged)
		}
		fmt.Fprintf(sum, "%q %d\n", name, info.Size())
		n, err := addContent(sum, path)
		length += n
		return err
	})
	return length, err
}

func addList(sum hash.Hash, dir string) (entries int64, err error) {
	err = walk(dir, func(path, name string, info fs.FileInfo) error {
		entries++
		var target string
		var size int64
		switch {
		case info.Mode().IsRegular():
			size = info.Size()
		case info.Mode()&fs.ModeSymlink != 0:
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(sum, "%q %o %s %d %d %q\n", name, info.Mode(), owner(info), size, info.ModTime().Unix(), target)
		return nil
	})
	return entries, err
}
