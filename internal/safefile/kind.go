package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Info is what a file is.
type Info struct {
	Mode     fs.FileMode // type and permission
	UID, GID int
	Links    uint64 // how many names it has
	Size     int64

	Device, Inode uint64 // by which it can be told from any other
}

func infoOf(stat *unix.Stat_t) Info {
	mode := fs.FileMode(stat.Mode & 0o777)
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
		if stat.Mode&unix.S_ISVTX != 0 {
			mode |= fs.ModeSticky
		}
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	default:
		mode |= fs.ModeIrregular
	}
	return Info{Mode: mode, UID: int(stat.Uid), GID: int(stat.Gid), Links: uint64(stat.Nlink), Size: stat.Size, Device: uint64(stat.Dev), Inode: stat.Ino}
}

// Stat says what an open file is.
func Stat(file *os.File) (Info, error) {
	var stat unix.Stat_t
	err := at(file, func(fd int) error { return unix.Fstat(fd, &stat) })
	if err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: file.Name(), Err: err}
	}
	return infoOf(&stat), nil
}

// Kind says what sort of file a mode is of, for use in a sentence: "a FIFO".
func Kind(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "a device"
	}
	return "a file of an unknown sort"
}

// Terms say what an opened file has to be besides a regular file.
type Terms struct {
	Owners  []int // user ids, one of which has to own it; nil: anybody's
	OneLink bool  // it has one name only: another may be somebody else's doing
}

// checked returns the open file, or closes it and says what is wrong with it.
func (t Terms) checked(file *os.File) (*os.File, error) {
	info, err := Stat(file)
	if err == nil {
		err = t.refuse(file.Name(), info)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (t Terms) refuse(path string, info Info) error {
	switch {
	case !info.Mode.IsRegular():
		return notRegular(path, info.Mode, "")
	case t.Owners != nil && !slices.Contains(t.Owners, info.UID):
		return fmt.Errorf("%s belongs to uid %d, not to %s: %w", path, info.UID, owners(t.Owners), ErrOwner)
	case t.OneLink && info.Links > 1:
		return fmt.Errorf("%s is one of %d names (hard links) of one file: %w", path, info.Links, ErrLinks)
	}
	return nil
}

// owners is "uid 1", or "uid 1 or 2".
func owners(uids []int) string {
	text := "uid "
	for i, uid := range uids {
		if i > 0 {
			text += " or "
		}
		text += fmt.Sprint(uid)
	}
	return text
}

func notRegular(path string, mode fs.FileMode, to string) error {
	return fmt.Errorf("%s is %s%s, %w", path, Kind(mode), to, ErrNotRegular)
}

func notFolder(path string, mode fs.FileMode, to string) error {
	return fmt.Errorf("%s is %s%s, %w", path, Kind(mode), to, ErrNotFolder)
}
