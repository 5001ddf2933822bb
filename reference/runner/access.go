package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// AccessError reports the first element of a path that the user of this process
// has no permission for. The kernel's own "permission denied" does not say which
// one it is (apache/airflow#60278).
type AccessError struct {
	Path    string // what is to be read
	Element string // the part of it that is in the way
	User    string // "alice (uid 61002)"
	Missing string // "search" (x) or "read" (r)
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("%s is not accessible by user %s: no %s permission on %s", e.Path, e.User, e.Missing, e.Element)
}

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 40

// checkDirectory returns *AccessError unless this process may read the directory
// at path and reach it. The kernel is asked about every element, so access
// control lists count.
func checkDirectory(path, user string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission): // found below
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	}
	if err := reach(path, path, user, maxLinks); err != nil {
		return err
	}
	return permit(path, path, user, unix.R_OK)
}

// checkFile returns *AccessError unless this process may read the file at path
// and reach it; the error wraps fs.ErrNotExist if there is none.
func checkFile(path, user string) error {
	if err := reach(path, filepath.Dir(path), user, maxLinks); err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return permit(path, path, user, unix.R_OK)
}

// reach checks for search permission on dir and all above it, following links.
func reach(path, dir, user string, links int) error {
	if dir != "/" {
		if err := reach(path, filepath.Dir(dir), user, links); err != nil {
			return err
		}
	}
	if target, err := os.Readlink(dir); err == nil && links > 0 {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(dir), target)
		}
		return reach(path, filepath.Clean(target), user, links-1)
	}
	return permit(path, dir, user, unix.X_OK)
}

func permit(path, element, user string, mode uint32) error {
	err := unix.Faccessat(unix.AT_FDCWD, element, mode, unix.AT_EACCESS)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EACCES) {
		return &fs.PathError{Op: "look at", Path: element, Err: err}
	}
	missing := "read"
	if mode == unix.X_OK {
		missing = "search"
	}
	return &AccessError{Path: path, Element: element, User: user, Missing: missing}
}
