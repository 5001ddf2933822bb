package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reader is whoever has to read a bundle.
type Reader struct {
	Name   string // for errors
	UID    int
	GID    int
	Groups []int // supplementary groups
}

// AccessError reports a file or directory that a user may not use. The kernel
// would say no more than "permission denied", of which part of the path it does
// not tell (apache/airflow#60278).
type AccessError struct {
	Path    string // what is to be read
	Element string // the part of Path that is in the way; may be Path itself
	User    string
	Missing string // "read", "search" or "read and search"
	Mode    fs.FileMode
	Owner   int // uid
	Group   int // gid
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("user %q may not read %s: no %s permission on %s (owner %d, group %d, mode %04o)",
		e.User, e.Path, e.Missing, e.Element, e.Owner, e.Group, e.Mode.Perm())
}

// Check reports whether the user that who describes may read the file, or read and
// enter the directory, at path: the first missing permission on the way from the
// root directory as *AccessError. Symbolic links are resolved. A path that is absent
// is an error.
//
// Where an access control list is in force Check believes that it permits; the
// kernel decides when the task opens the file.
func Check(path string, who Reader) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if who.UID == 0 {
		return nil
	}
	for _, element := range elements(resolved) {
		info, err := os.Stat(element)
		if err != nil {
			return fmt.Errorf("look at %s: %w", path, err)
		}
		need := search
		switch {
		case element == resolved && info.IsDir():
			need = read | search
		case element == resolved:
			need = read
		}
		missing := need &^ who.permitted(info)
		if missing == 0 || hasACL(element) {
			continue
		}
		st := info.Sys().(*syscall.Stat_t)
		return &AccessError{Path: path, Element: element, User: who.Name, Missing: missing.String(),
			Mode: info.Mode(), Owner: int(st.Uid), Group: int(st.Gid)}
	}
	return nil
}

// permission holds the bits of one class in a mode.
type permission uint32

const (
	search permission = 1
	read   permission = 4
)

func (p permission) String() string {
	switch p {
	case search:
		return "search"
	case read:
		return "read"
	}
	return "read and search"
}

func (r Reader) permitted(info fs.FileInfo) permission {
	st := info.Sys().(*syscall.Stat_t)
	mode := permission(info.Mode().Perm())
	switch {
	case int(st.Uid) == r.UID:
		return mode >> 6 & 7
	case int(st.Gid) == r.GID || slices.Contains(r.Groups, int(st.Gid)):
		return mode >> 3 & 7
	}
	return mode & 7
}

// elements lists the path and all directories above it, the root directory first.
func elements(path string) []string {
	var list []string
	for {
		list = append(list, path)
		parent := filepath.Dir(path)
		if parent == path {
			slices.Reverse(list)
			return list
		}
		path = parent
	}
}

func hasACL(path string) bool {
	n, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && n > 0
}
