package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// maxTarget is the longest target of a symbolic link, in bytes (PATH_MAX with NUL).
const maxTarget = 4095

// maxSkipped is how many submodules are named.
const maxSkipped = 100

// treeWriter writes a tree of git objects into a directory. go-git's own
// checkout leaves an index behind, refuses legal names, and takes twice as long;
// its tree decoder checks no names.
type treeWriter struct {
	ctx     context.Context
	objects storer.EncodedObjectStorer
	limits  bundle.Limits

	dirs    []string // parents before children
	files   []treeEntry
	links   []treeEntry
	skipped []string // the first of the submodules
	left    int      // all of them
	bytes   int64
}

type treeEntry struct {
	path string
	id   plumbing.Hash
	exec bool
}

// collect reads the whole tree, checking names and limits, before anything is written.
func (w *treeWriter) collect(tree *object.Tree, dir string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > w.limits.Depth {
		return fmt.Errorf("%.200q: more than %d directories inside one another", dir, w.limits.Depth)
	}
	seen := make(map[string]bool, len(tree.Entries))
	for _, e := range tree.Entries {
		if err := checkName(e.Name); err != nil {
			return fmt.Errorf("entry %.200q in %.200q: %w", e.Name, dir, err)
		}
		if seen[e.Name] {
			return fmt.Errorf("entry %.200q in %.200q is there twice", e.Name, dir)
		}
		seen[e.Name] = true
		if err := w.entry(e, path.Join(dir, e.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWriter) entry(e object.TreeEntry, name string, depth int) error {
	if len(w.dirs)+len(w.files)+len(w.links)+w.left >= w.limits.Entries {
		return fmt.Errorf("more than %d files and directories", w.limits.Entries)
	}
	switch e.Mode {
	case filemode.Dir:
		sub, err := object.GetTree(w.objects, e.Hash)
		if err != nil {
			return damage(fmt.Errorf("read directory %.200q: %w", name, err))
		}
		w.dirs = append(w.dirs, name)
		return w.collect(sub, name, depth+1)
	case filemode.Symlink:
		if strings.EqualFold(e.Name, ".gitmodules") {
			return fmt.Errorf("%.200q is a symbolic link", name)
		}
		w.links = append(w.links, treeEntry{path: name, id: e.Hash})
		return nil
	case filemode.Submodule:
		if w.left++; w.left <= maxSkipped {
			w.skipped = append(w.skipped, cut(name, maxTarget))
		}
		return nil
	}
	if !e.Mode.IsFile() {
		return fmt.Errorf("%.200q has the unknown mode %v", name, e.Mode)
	}
	size, err := w.objects.EncodedObjectSize(e.Hash)
	if err != nil {
		return damage(fmt.Errorf("read size of %.200q: %w", name, err))
	}
	if w.bytes += size; w.bytes > w.limits.Bytes {
		return fmt.Errorf("files of more than %d bytes", w.limits.Bytes)
	}
	// Of the mode only the execute bit counts, also in trees with modes such as 100664 or 104755.
	w.files = append(w.files, treeEntry{path: name, id: e.Hash, exec: e.Mode&0o100 != 0})
	return nil
}

// write puts the tree into staging and gives it its final name. Both have to be
// on one file system.
func (w *treeWriter) write(staging, final string) error {
	if err := os.Mkdir(staging, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(staging)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := w.fill(root); err != nil {
		return err
	}
	if err := flush(root); err != nil {
		return fmt.Errorf("flush to disk: %w", err)
	}
	if err := os.Rename(staging, final); err != nil {
		return err
	}
	// A directory that its owner may not write cannot change its parent, so this comes last.
	return os.Chmod(final, 0o555)
}

func (w *treeWriter) fill(root *os.Root) error {
	for _, dir := range w.dirs {
		if err := root.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	for _, f := range w.files {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.file(root, f); err != nil {
			return err
		}
	}
	for _, l := range w.links { // after all files: nothing is ever written through a link
		if err := w.link(root, l); err != nil {
			return err
		}
	}
	for i := len(w.dirs) - 1; i >= 0; i-- {
		if err := root.Chmod(w.dirs[i], 0o555); err != nil {
			return err
		}
	}
	return root.Chmod(".", 0o755)
}

func (w *treeWriter) file(root *os.Root, f treeEntry) error {
	mode := os.FileMode(0o444)
	if f.exec {
		mode = 0o555
	}
	content, err := w.blob(f)
	if err != nil {
		return err
	}
	defer content.Close()
	out, err := root.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer out.Close()
	from := &readErrors{r: content}
	if _, err := io.Copy(out, from); err != nil {
		if from.err != nil {
			return damage(fmt.Errorf("read %.200q: %w", f.path, from.err))
		}
		return err
	}
	if err := out.Chmod(mode); err != nil { // whatever the umask took away
		return err
	}
	return out.Close()
}

func (w *treeWriter) link(root *os.Root, l treeEntry) error {
	content, err := w.blob(l)
	if err != nil {
		return err
	}
	defer content.Close()
	target, err := io.ReadAll(io.LimitReader(content, maxTarget+1))
	if err != nil {
		return damage(fmt.Errorf("read %.200q: %w", l.path, err))
	}
	if len(target) == 0 || len(target) > maxTarget || strings.IndexByte(string(target), 0) >= 0 {
		return fmt.Errorf("symbolic link %.200q has no usable target", l.path)
	}
	return root.Symlink(string(target), l.path)
}

func (w *treeWriter) blob(e treeEntry) (io.ReadCloser, error) {
	blob, err := w.objects.EncodedObject(plumbing.BlobObject, e.id)
	if err == nil {
		var content io.ReadCloser
		if content, err = blob.Reader(); err == nil {
			return content, nil
		}
	}
	return nil, damage(fmt.Errorf("read %.200q: %w", e.path, err))
}

// readErrors remembers an error of its reader, to tell it from one of the writer.
type readErrors struct {
	r   io.Reader
	err error
}

func (e *readErrors) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}

// flush writes the file system out once: after a power failure a version that has
// its name has its content, too.
func flush(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// checkName refuses names that leave their directory, and the names of a
// repository's own directory in every form that some file system takes for it.
func checkName(name string) error {
	switch name {
	case "", ".", "..":
		return errors.New("not a file name")
	}
	if strings.ContainsAny(name, "/\x00") {
		return errors.New("not a file name")
	}
	plain := plainName(name)
	if strings.EqualFold(plain, ".git") || strings.EqualFold(plain, "git~1") {
		return errors.New("stands for a repository's own directory")
	}
	return nil
}

// plainName takes away what file systems ignore: code points on HFS+, trailing
// dots and blanks and the name of a stream on NTFS.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if utf8.ValidString(name) {
		name = strings.Map(func(r rune) rune {
			switch {
			case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
				return -1
			}
			return r
		}, name)
	}
	return strings.TrimRight(name, ". ")
}
