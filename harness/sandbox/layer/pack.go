//go:build linux

// Package layer packs what provision.sh adds to a root for the cache: as a
// tar of the upper directory of an overlay, with owners, hard links, extended
// attributes and whiteouts, so that it can be unpacked into any file system that
// may be an overlay's lower directory.
package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// xattrRecord is the prefix under which PAX headers hold extended attributes.
const xattrRecord = "SCHILY.xattr."

// kept reports whether an extended attribute belongs to the layer. Of overlayfs's
// own only the mark of a replaced directory does; the others speak of the file
// system that the layer was made on.
func kept(name string) bool {
	return name == "trusted.overlay.opaque" || !strings.HasPrefix(name, "trusted.")
}

// Pack writes everything below dir, dir itself included, as a tar. Paths in
// without (relative to dir) and all below them are left out.
func Pack(w io.Writer, dir string, without ...string) error {
	out := tar.NewWriter(w)
	first := map[inode]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, skip := range without {
			if name == skip {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
		}
		return packEntry(out, path, name, entry, first)
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return nil
}

type inode struct{ dev, ino uint64 }

func packEntry(out *tar.Writer, path, name string, entry fs.DirEntry, first map[inode]string) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	var target string
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	header.Name, header.Uname, header.Gname, header.Format = name, "", "", tar.FormatPAX
	stat := info.Sys().(*syscall.Stat_t)
	if id := (inode{uint64(stat.Dev), stat.Ino}); info.Mode().IsRegular() && stat.Nlink > 1 {
		if linked, seen := first[id]; seen {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, linked, 0
			return out.WriteHeader(header)
		}
		first[id] = name
	}
	if header.PAXRecords, err = xattrs(path); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := out.WriteHeader(header); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, f)
	return err
}

func xattrs(path string) (map[string]string, error) {
	names := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, names)
	if errors.Is(err, unix.ENOTSUP) || n == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list extended attributes: %w", err)
	}
	var records map[string]string
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		if !kept(name) {
			continue
		}
		size, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("read extended attribute %s: %w", name, err)
		}
		if records == nil {
			records = map[string]string{}
		}
		records[xattrRecord+name] = string(value[:size])
	}
	return records, nil
}
