package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// parts are the folders of the cache; what others put there would be run as this user, or removed by Prune.
var parts = []string{"bin", "images", "layers", "roots"}

// claim makes the folder, for this user alone, or takes it if nobody else but root can have put
// anything there. Others may not even read: roots hold set-user-id programs of foreign scripts.
func claim(dir string) error {
	if err := trustedAbove(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Unwritable("make the cache folder", err)
	}
	if err := trustedAbove(dir); err != nil { // now the folder itself
		return err
	}
	folder, err := safefile.OpenFolder(dir)
	if err != nil {
		return Unwritable("open the cache folder", err)
	}
	defer folder.Close()
	if err := folder.Exclusive(); err != nil {
		return foreign(dir, err)
	}
	for _, part := range parts {
		if err := exclusivePart(folder, part); err != nil {
			return foreign(dir, err)
		}
	}
	return narrow(dir, folder)
}

// trustedAbove refuses, to root, a path that another user could lead elsewhere later: the folder or the first above it that exists,
// and all above that, have to be root's. An ordinary user's home may lie in whatever its machine has.
func trustedAbove(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err != nil && at != filepath.Dir(at) {
			continue
		}
		err := safefile.Trusted(at, 0)
		if errors.Is(err, safefile.ErrOwner) || errors.Is(err, safefile.ErrWritable) {
			return foreign(dir, err)
		}
		return nil // what else is wrong shows when the folder is made
	}
}

func exclusivePart(folder *safefile.Folder, name string) error {
	part, err := folder.Sub(name)
	if err != nil {
		if info, lookErr := folder.Lstat(name); lookErr == nil && info.Mode&fs.ModeSymlink != 0 {
			return err
		}
		return nil // missing, or found to be of no use when it is needed
	}
	defer part.Close()
	return part.Exclusive()
}

// narrow takes from others the rights to a folder of our own.
func narrow(dir string, folder *safefile.Folder) error {
	info, err := folder.Stat()
	if err != nil {
		return fmt.Errorf("look at the cache folder: %w", err)
	}
	if info.UID != os.Geteuid() || info.Mode.Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(dir, info.Mode.Perm()&0o700); err != nil {
		return Unwritable("close the cache folder to others", err)
	}
	return nil
}

func foreign(dir string, err error) error {
	return fmt.Errorf("%w in %s: %w: set XDG_CACHE_HOME to a folder of your own, in which nobody else can put things", ErrForeign, dir, err)
}

// Create makes a file in the folder anew, for writing. What was there is removed; no link is followed.
func (f *Folder) Create(name string) (*os.File, error) {
	folder, err := safefile.OpenFolder(f.dir)
	if err != nil {
		return nil, Unwritable("open the cache folder", err)
	}
	defer folder.Close()
	file, err := folder.Create(name, 0o644)
	if err != nil {
		return nil, Unwritable("make a file", err)
	}
	return file, nil
}

// create is Create by path.
func (f *Folder) create(path string) (*os.File, error) {
	name, err := filepath.Rel(f.dir, path)
	if err != nil {
		return nil, fmt.Errorf("find %s in the cache: %w", path, err)
	}
	return f.Create(name)
}
