// Package commons compares what all cases of a sandbox share with what it was before.
package commons

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Commons is what all cases of a sandbox rely on and none may change behind the
// harness's back: accounts, policy and name service, the loader, sudo and what it
// loads, the folders of commands, the helper commands, the modes of the folders at the top, the
// mounts with their options. A scenario may change it through the stage, which
// puts it back.
//
// A look costs one lstat for each path; what has another size or time than
// before is read. The time that counts is that of the inode's last change,
// which nobody can set.
type Commons struct {
	root   string
	paths  map[string]*held
	mounts []string // lines of mountinfo
}

// Paths below the root; patterns as of filepath.Glob. What does not exist must not come to be.
var (
	commonFiles = []string{
		"etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/sudoers", "etc/sudoers.d/*", "etc/sudo.conf", "etc/pam.conf", "etc/pam.d/*",
		"etc/security/*.conf", "etc/nsswitch.conf", "etc/hosts", "etc/resolv.conf", "etc/environment", "etc/login.defs",
		"etc/ld.so.preload", "etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d/*",
		"usr/bin/sudo", "usr/sbin/visudo", "usr/lib/sudo/*", "usr/libexec/sudo/*", "usr/bin/su", "usr/bin/id", "usr/bin/env", "usr/bin/cat",
		"usr/bin/sh", "usr/bin/dash", "usr/bin/bash", "usr/lib/*/ld-linux-*", "usr/lib/*/libc.so.6", "usr/lib64/ld-linux-*",
		"understudy/bin/*",
	}
	commonFolders = []string{ // with the names of what is in them
		"etc/sudoers.d", "etc/pam.d", "etc/security", "etc/ld.so.conf.d", "usr/lib/sudo", "usr/libexec/sudo",
		"usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "understudy/bin",
	}
	commonModes = []string{ // whose content may change
		".", "bin", "sbin", "lib", "lib64", "dev", "dev/shm", "etc", "home", "opt", "root", "run", "srv", "tmp", "understudy",
		"usr", "usr/lib", "usr/local", "var", "var/lib", "var/tmp",
	}
)

// kinds of look at a path.
type kind int

const (
	modeOnly kind = iota
	withNames
	withContent
)

// held is what a path was.
type held struct {
	kind    kind
	there   bool
	mode    uint32
	uid     uint32
	gid     uint32
	size    int64
	changed [2]unix.Timespec // of the content, of the inode
	sum     [sha256.Size]byte
}

// Note looks at everything below root, "/" in a sandbox, for Changes to compare with.
func Note(root string) (*Commons, error) {
	c := &Commons{root: root, paths: map[string]*held{}}
	for kind, patterns := range map[kind][]string{modeOnly: commonModes, withNames: commonFolders, withContent: commonFiles} {
		for _, pattern := range patterns {
			paths := []string{filepath.Join(root, pattern)}
			if strings.Contains(pattern, "*") {
				var err error
				if paths, err = filepath.Glob(paths[0]); err != nil {
					return nil, fmt.Errorf("list %s: %w", pattern, err)
				}
			}
			for _, path := range paths {
				h, err := look(path, kind)
				if err == nil && h.there {
					err = h.read(path)
				}
				if err != nil {
					return nil, fmt.Errorf("note what cases share: %w", err)
				}
				c.paths[path] = &h
			}
		}
	}
	var err error
	c.mounts, err = Mounts()
	return c, err
}

// Changes says what is other than it was, one line for each path.
func (c *Commons) Changes() ([]string, error) {
	if c == nil {
		return nil, nil
	}
	var found []string
	for path, was := range c.paths {
		now, err := look(path, was.kind)
		if err != nil {
			return nil, fmt.Errorf("compare what cases share: %w", err)
		}
		differs, err := was.differs(path, &now)
		if err != nil {
			return nil, fmt.Errorf("compare what cases share: %w", err)
		}
		if differs != "" {
			found = append(found, path+" "+differs)
			continue
		}
		c.paths[path] = &now // put back by the stage: other times, the same content
	}
	mounts, err := Mounts()
	if err != nil {
		return nil, err
	}
	for _, line := range mounts {
		if !slices.Contains(c.mounts, line) {
			found = append(found, "mounted otherwise than before: "+line)
		}
	}
	for _, line := range c.mounts {
		if !slices.Contains(mounts, line) {
			found = append(found, "mounted before, and not any more: "+line)
		}
	}
	slices.Sort(found)
	return found, nil
}

// look is the cheap half: no content.
func look(path string, kind kind) (held, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return held{kind: kind}, nil
	}
	if err != nil {
		return held{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return held{kind: kind, there: true, mode: st.Mode, uid: st.Uid, gid: st.Gid, size: st.Size, changed: [2]unix.Timespec{st.Mtim, st.Ctim}}, nil
}

// read is the dear half.
func (h *held) read(path string) error {
	sum := sha256.New()
	switch {
	case h.kind == modeOnly:
		return nil
	case h.mode&unix.S_IFMT == unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		io.WriteString(sum, target)
	case h.mode&unix.S_IFMT == unix.S_IFDIR && h.kind == withNames:
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			fmt.Fprintf(sum, "%q\n", entry.Name())
		}
	case h.mode&unix.S_IFMT == unix.S_IFREG:
		err := safefile.InFolder(path, func(folder *safefile.Folder, name string) error {
			f, err := folder.Open(name, safefile.Terms{})
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(sum, io.LimitReader(f, h.size+1))
			return err
		})
		if err != nil {
			return err
		}
	}
	h.sum = [sha256.Size]byte(sum.Sum(nil))
	return nil
}

// differs compares with a later look, which it completes.
func (h *held) differs(path string, now *held) (string, error) {
	switch {
	case !h.there && !now.there:
		return "", nil
	case !now.there:
		return "is gone", nil
	case !h.there:
		return "was not there before", nil
	case now.mode != h.mode || now.uid != h.uid || now.gid != h.gid:
		return fmt.Sprintf("has mode %o and owner %d:%d, it had %o and %d:%d", now.mode, now.uid, now.gid, h.mode, h.uid, h.gid), nil
	case h.kind == modeOnly:
		return "", nil
	case now.size == h.size && now.changed == h.changed:
		now.sum = h.sum
		return "", nil
	}
	if err := now.read(path); err != nil {
		return "", err
	}
	switch {
	case now.sum == h.sum:
		return "", nil
	case h.kind == withNames:
		return "holds other names than before", nil
	}
	return "has another content than before", nil
}

// Mounts lists the mounts of this process with their options.
func Mounts() ([]string, error) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	return strings.Split(strings.TrimSpace(string(raw)), "\n"), nil
}
