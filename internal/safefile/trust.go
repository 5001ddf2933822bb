package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Exclusive refuses a folder that others than root and this process's user own or
// may write to. What lies above it does not count: somebody who may rename the folder
// can take it away, but a Folder goes on to mean what was opened, and nobody else can
// put anything into it.
func (d *Folder) Exclusive() error {
	info, err := d.Stat()
	if err != nil {
		return err
	}
	return exclusive(d.Path(""), info, []int{0, os.Geteuid()}, false)
}

// Trusted refuses a path at which others than the owners could put another folder:
// the folder, and all above it, has to belong to one of them and be closed to the
// writing of others, unless it is sticky, as /tmp. Symbolic links are followed.
func Trusted(path string, owners ...int) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	for {
		var stat unix.Stat_t
		if err := unix.Stat(path, &stat); err != nil {
			return &fs.PathError{Op: "stat", Path: path, Err: err}
		}
		info := infoOf(&stat)
		if !info.Mode.IsDir() {
			return notFolder(path, info.Mode, "")
		}
		if err := exclusive(path, info, owners, true); err != nil {
			return err
		}
		above := filepath.Dir(path)
		if above == path {
			return nil
		}
		path = above
	}
}

func exclusive(path string, info Info, uids []int, sticky bool) error {
	switch {
	case !slices.Contains(uids, info.UID):
		return fmt.Errorf("folder %s belongs to uid %d, not to %s: %w", path, info.UID, owners(uids), ErrOwner)
	case info.Mode.Perm()&0o022 != 0 && !(sticky && info.Mode&fs.ModeSticky != 0):
		return fmt.Errorf("folder %s has mode %04o: %w", path, info.Mode.Perm(), ErrWritable)
	}
	return nil
}
