package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder is a folder held by its descriptor. Names are relative to it, and may
// have several parts; none of the parts is followed as a symbolic link.
type Folder struct {
	dir *os.File
}

// OpenFolder opens the folder at a path that a user named. Symbolic links are followed.
func OpenFolder(path string) (*Folder, error) { return openFolder(path, 0) }

// InFolder opens the folder that a path lies in, as OpenFolder does, for as long as do
// takes. name is the last part of the path, which Folder does not follow.
func InFolder(path string, do func(folder *Folder, name string) error) error {
	folder, err := OpenFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return do(folder, filepath.Base(path))
}

// MakeFolder opens a folder, which it makes with all above it if it is missing.
// The last part of the path has to be the folder itself: where others may write
// to the folder above, a symbolic link could be anybody's.
func MakeFolder(path string, mode fs.FileMode) (*Folder, error) {
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), mode); err != nil {
		return nil, err
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return openFolder(path, unix.O_NOFOLLOW)
}

func openFolder(path string, flag int) (*Folder, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|flag, 0)
	if err == nil {
		return &Folder{dir: dir}, nil
	}
	if info, lookErr := os.Lstat(path); lookErr == nil && !info.IsDir() {
		target, _ := os.Readlink(path) // of a link; nothing otherwise
		return nil, notFolder(path, info.Mode(), to(target))
	}
	return nil, err
}

// Close lets go of the folder. Files opened in it stay open.
func (d *Folder) Close() error { return d.dir.Close() }

// Path is what a name is called in messages: the path that it had when the folder
// was opened. An empty name is the folder itself.
func (d *Folder) Path(name string) string { return filepath.Join(d.dir.Name(), name) }

// Stat says what the folder is.
func (d *Folder) Stat() (Info, error) { return Stat(d.dir) }

// Lstat says what is at a name, a symbolic link included.
func (d *Folder) Lstat(name string) (Info, error) {
	var info Info
	err := d.in(name, func(parent *Folder, last string) (err error) {
		info, err = parent.lstat(last)
		return err
	})
	return info, err
}

// Is reports whether an open file is what has the name now.
func (d *Folder) Is(name string, file *os.File) bool {
	err := d.in(name, func(parent *Folder, last string) error {
		var named, opened unix.Stat_t
		err := errors.Join(
			at(parent.dir, func(fd int) error { return unix.Fstatat(fd, last, &named, unix.AT_SYMLINK_NOFOLLOW) }),
			at(file, func(fd int) error { return unix.Fstat(fd, &opened) }))
		if err == nil && (named.Dev != opened.Dev || named.Ino != opened.Ino) {
			err = fs.ErrNotExist
		}
		return err
	})
	return err == nil
}

// Entries returns at most limit entries of the folder, in no order.
func (d *Folder) Entries(limit int) ([]fs.DirEntry, error) {
	own, err := d.child(".") // each listing starts at the beginning
	if err != nil {
		return nil, err
	}
	defer own.Close()
	entries, err := own.dir.ReadDir(limit)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return entries, err
}

// Sub opens the folder at a name.
func (d *Folder) Sub(name string) (*Folder, error) { return d.walk(name, (*Folder).child) }

// MakeSub is Sub that makes what is missing, with that mode less the umask.
func (d *Folder) MakeSub(name string, mode fs.FileMode) (*Folder, error) {
	return d.walk(name, func(parent *Folder, part string) (*Folder, error) {
		err := at(parent.dir, func(fd int) error { return unix.Mkdirat(fd, part, uint32(mode.Perm())) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, &fs.PathError{Op: "mkdir", Path: parent.Path(part), Err: err}
		}
		return parent.child(part)
	})
}

// Remove removes a file, or a symbolic link, but no folder.
func (d *Folder) Remove(name string) error {
	return d.in(name, func(parent *Folder, last string) error { return parent.unlink(last) })
}

// walk goes from folder to folder along a name. What it returns is the caller's to close.
func (d *Folder) walk(name string, step func(*Folder, string) (*Folder, error)) (*Folder, error) {
	parts, err := split(name)
	if err != nil {
		return nil, err
	}
	here, err := d.child(".")
	for _, part := range parts {
		if err != nil {
			return nil, err
		}
		last := here
		here, err = step(last, part)
		last.Close()
	}
	return here, err
}

// in calls do with the folder that a name lies in, and the last part of the name.
func (d *Folder) in(name string, do func(parent *Folder, last string) error) error {
	parts, err := split(name)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return fmt.Errorf("%q below %s: %w", name, d.Path(""), ErrName)
	}
	last := parts[len(parts)-1]
	if len(parts) == 1 {
		return do(d, last)
	}
	parent, err := d.Sub(filepath.Join(parts[:len(parts)-1]...))
	if err != nil {
		return err
	}
	defer parent.Close()
	return do(parent, last)
}

// split gives the parts of a name. One that leads out of the folder is refused.
func split(name string) ([]string, error) {
	clean := filepath.Clean(name)
	if name == "" || !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return nil, fmt.Errorf("%q: %w", name, ErrName)
	}
	if clean == "." {
		return nil, nil
	}
	return strings.Split(clean, string(filepath.Separator)), nil
}

// child opens the folder at one part of a name.
func (d *Folder) child(part string) (*Folder, error) {
	dir, err := d.openat(part, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err == nil {
		return &Folder{dir: dir}, nil
	}
	if info, lookErr := d.lstat(part); lookErr == nil && !info.Mode.IsDir() {
		return nil, notFolder(d.Path(part), info.Mode, d.target(part))
	}
	return nil, err
}

func (d *Folder) openat(part string, flag int, mode fs.FileMode) (*os.File, error) {
	var opened int
	err := at(d.dir, func(fd int) (err error) {
		opened, err = unix.Openat(fd, part, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(mode.Perm()))
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: d.Path(part), Err: err}
	}
	return os.NewFile(uintptr(opened), d.Path(part)), nil
}

func (d *Folder) lstat(part string) (Info, error) {
	var stat unix.Stat_t
	err := at(d.dir, func(fd int) error { return unix.Fstatat(fd, part, &stat, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return Info{}, &fs.PathError{Op: "lstat", Path: d.Path(part), Err: err}
	}
	return infoOf(&stat), nil
}

func (d *Folder) unlink(part string) error {
	if err := at(d.dir, func(fd int) error { return unix.Unlinkat(fd, part, 0) }); err != nil {
		return &fs.PathError{Op: "remove", Path: d.Path(part), Err: err}
	}
	return nil
}

// target is ` to "TARGET"` of a symbolic link, and nothing of anything else.
func (d *Folder) target(part string) string {
	text := make([]byte, 512)
	var n int
	err := at(d.dir, func(fd int) (err error) {
		n, err = unix.Readlinkat(fd, part, text)
		return err
	})
	if err != nil {
		return ""
	}
	return to(string(text[:n]))
}

func to(target string) string {
	if target == "" {
		return ""
	}
	return fmt.Sprintf(" to %q", target)
}
