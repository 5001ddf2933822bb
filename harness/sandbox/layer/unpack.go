//go:build linux

package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Unpack makes below dir, an empty directory, what Pack wrote. It needs root. An entry
// that would land outside, by its name or through a symbolic link of the layer, is an error.
func Unpack(r io.Reader, dir string) error {
	in := tar.NewReader(r)
	inside := links{}
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack layer: %w", err)
		}
		if err := inside.admit(header); err != nil {
			return fmt.Errorf("unpack layer: %w", err)
		}
		if err := unpackEntry(in, header, dir); err != nil {
			return fmt.Errorf("unpack %s of the layer: %w", header.Name, err)
		}
	}
}

// links are the symbolic links that the layer made so far. No entry may pass through one.
type links map[string]bool

// admit makes the names of an entry clean and refuses those that lead out.
func (l links) admit(header *tar.Header) error {
	names := []*string{&header.Name}
	if header.Typeflag == tar.TypeLink {
		names = append(names, &header.Linkname)
	}
	for _, name := range names {
		if !filepath.IsLocal(*name) {
			return fmt.Errorf("%q of entry %q leads out of the layer", *name, header.Name)
		}
		*name = filepath.Clean(*name)
		for parent := filepath.Dir(*name); parent != "."; parent = filepath.Dir(parent) {
			if l[parent] {
				return fmt.Errorf("%q of entry %q passes through the symbolic link %q", *name, header.Name, parent)
			}
		}
	}
	if header.Typeflag == tar.TypeSymlink || header.Typeflag == tar.TypeLink && l[header.Linkname] {
		l[header.Name] = true
	}
	return nil
}

func unpackEntry(in io.Reader, header *tar.Header, dir string) error {
	path := filepath.Join(dir, header.Name)
	switch header.Typeflag {
	case tar.TypeDir:
		if err := makeFolder(path); err != nil {
			return err
		}
	case tar.TypeReg:
		if err := writeFile(path, in); err != nil {
			return err
		}
	case tar.TypeLink:
		return os.Link(filepath.Join(dir, header.Linkname), path)
	case tar.TypeSymlink:
		if err := os.Symlink(header.Linkname, path); err != nil {
			return err
		}
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[header.Typeflag]
		device := unix.Mkdev(uint32(header.Devmajor), uint32(header.Devminor))
		if err := unix.Mknod(path, kind|0o600, int(device)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("entry of unknown type %q", header.Typeflag)
	}
	return attributes(path, header)
}

// makeFolder makes a folder; one that is there already is taken, a link to one is not.
func makeFolder(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, os.ErrExist) {
		if info, statErr := os.Lstat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

func writeFile(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// attributes sets owner, mode, extended attributes and time, in this order: a change of owner
// clears setuid bits and capabilities.
func attributes(path string, header *tar.Header) error {
	if err := os.Lchown(path, header.Uid, header.Gid); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeSymlink {
		if err := unix.Chmod(path, uint32(header.Mode)&0o7777); err != nil {
			return err
		}
	}
	for record, value := range header.PAXRecords {
		name, is := strings.CutPrefix(record, xattrRecord)
		if !is {
			continue
		}
		if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil {
			return fmt.Errorf("set extended attribute %s: %w", name, err)
		}
	}
	at := unix.NsecToTimespec(header.ModTime.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}
