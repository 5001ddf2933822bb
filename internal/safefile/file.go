package safefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// attempts bound how often a file is tried again that somebody exchanges meanwhile.
const attempts = 100

// Open opens a file for reading.
func (d *Folder) Open(name string, terms Terms) (file *os.File, err error) {
	err = d.in(name, func(parent *Folder, last string) (err error) {
		file, err = parent.open(last, unix.O_RDONLY, terms)
		return err
	})
	return file, err
}

// Read returns the content of a file. One that holds more than limit bytes is
// refused (ErrTooLarge).
func (d *Folder) Read(name string, limit int64, terms Terms) ([]byte, error) {
	file, err := d.Open(name, terms)
	if err != nil {
		return nil, err
	}
	return readAll(file, limit)
}

// Append opens a file for writing at its end. A missing one is made, with that
// mode less the umask.
func (d *Folder) Append(name string, mode fs.FileMode, terms Terms) (file *os.File, err error) {
	err = d.in(name, func(parent *Folder, last string) (err error) {
		for range attempts {
			file, err = parent.open(last, unix.O_WRONLY|unix.O_APPEND, terms)
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			file, err = parent.create(last, unix.O_WRONLY|unix.O_APPEND, mode)
			if !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		return fmt.Errorf("%s comes and goes: somebody exchanges it", parent.Path(last))
	})
	return file, err
}

// Create makes a file anew, with exactly that mode, for reading and writing. What
// was at its place is removed first and not written to; a folder is refused.
func (d *Folder) Create(name string, mode fs.FileMode) (file *os.File, err error) {
	err = d.in(name, func(parent *Folder, last string) (err error) {
		for range attempts {
			file, err = parent.create(last, unix.O_RDWR, mode)
			if !errors.Is(err, fs.ErrExist) {
				break
			}
			if info, lookErr := parent.lstat(last); lookErr == nil && info.Mode.IsDir() {
				return notRegular(parent.Path(last), info.Mode, "")
			}
			if err := parent.unlink(last); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err != nil {
			return err
		}
		if err := file.Chmod(mode); err != nil {
			file.Close()
			return err
		}
		return nil
	})
	return file, err
}

// Replace puts a file with exactly that mode in the place of what was there, as a
// whole or not at all, even if the machine stops: write gets a file beside it,
// which is renamed when all of it is on disk.
func (d *Folder) Replace(name string, mode fs.FileMode, write func(io.Writer) error) error {
	return d.in(name, func(parent *Folder, last string) error {
		return parent.ReplaceAll(mode, New{last, write})
	})
}

// New is a file of the folder itself that is to be written anew.
type New struct {
	Name  string
	Write func(io.Writer) error
}

// ReplaceAll is Replace of several files. They are renamed one by one, but the first
// one not before all of them are on disk, and nothing stands in the way of any (a
// folder at its place): want of room replaces none, nor does an error of write. Who
// looks, or ends this process, in between finds some replaced and others not.
func (d *Folder) ReplaceAll(mode fs.FileMode, files ...New) (err error) {
	var beside []string
	defer func() {
		for _, name := range beside {
			err = errors.Join(err, d.unlink(name))
		}
	}()
	for _, f := range files {
		name := "." + f.Name + "-" + rand.Text()
		file, err := d.create(name, unix.O_RDWR, mode)
		if err != nil {
			return err
		}
		beside = append(beside, name)
		if err = f.Write(file); err == nil {
			err = errors.Join(file.Chmod(mode), file.Sync())
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	for _, f := range files {
		if info, err := d.lstat(f.Name); err == nil && info.Mode.IsDir() {
			return notRegular(d.Path(f.Name), info.Mode, "")
		}
	}
	for _, f := range files {
		if err := d.rename(beside[0], f.Name); err != nil {
			return err
		}
		beside = beside[1:]
	}
	return d.sync()
}

// sync has the names in the folder written to disk. Some file systems (FUSE, CIFS)
// cannot do that for a folder, and say so.
func (d *Folder) sync() error {
	err := d.dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// Give sets exactly this owner and mode of a regular file or a folder.
func (d *Folder) Give(name string, uid, gid int, mode fs.FileMode) error {
	return d.in(name, func(parent *Folder, last string) error {
		path := parent.Path(last)
		info, err := parent.lstat(last)
		if err != nil {
			return err
		}
		if !info.Mode.IsRegular() && !info.Mode.IsDir() {
			return notRegular(path, info.Mode, parent.target(last))
		}
		file, err := parent.openat(last, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err = Stat(file); err == nil && !info.Mode.IsRegular() && !info.Mode.IsDir() { // exchanged since
			err = notRegular(path, info.Mode, "")
		}
		if err != nil {
			return err
		}
		// In this order: a change of owner takes set-user-id bits away.
		return errors.Join(file.Chown(uid, gid), file.Chmod(mode))
	})
}

// open opens a file that is there.
func (d *Folder) open(part string, flag int, terms Terms) (*os.File, error) {
	info, err := d.lstat(part) // first, since to open a device can do something
	if err != nil {
		return nil, err
	}
	if !info.Mode.IsRegular() {
		return nil, notRegular(d.Path(part), info.Mode, d.target(part))
	}
	return d.openNow(part, flag, terms)
}

// openNow opens what may have been exchanged a moment ago.
func (d *Folder) openNow(part string, flag int, terms Terms) (*os.File, error) {
	file, err := d.openat(part, flag|unix.O_NONBLOCK, 0)
	if err != nil {
		if info, lookErr := d.lstat(part); lookErr == nil && !info.Mode.IsRegular() {
			return nil, notRegular(d.Path(part), info.Mode, d.target(part))
		}
		return nil, err
	}
	return terms.checked(file)
}

// create makes a file where nothing is.
func (d *Folder) create(part string, flag int, mode fs.FileMode) (*os.File, error) {
	return d.openat(part, flag|unix.O_CREAT|unix.O_EXCL, mode)
}

func (d *Folder) rename(from, to string) error {
	if err := at(d.dir, func(fd int) error { return unix.Renameat(fd, from, fd, to) }); err != nil {
		return &fs.PathError{Op: "rename", Path: d.Path(to), Err: err}
	}
	return nil
}
