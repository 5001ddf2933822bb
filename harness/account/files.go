package account

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// WriteFile writes a file of the account anew, with exactly this mode, and makes the
// folders above it that are missing.
func (a Account) WriteFile(path, text string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder of %s: %w", path, err)
	}
	if err := a.MakeFile(path, text, uint32(mode.Perm())); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// MakeFile writes a file of the account anew into a folder that exists. The mode is a
// raw one, since that of os has the set-user-id bit elsewhere.
func (a Account) MakeFile(path, text string, mode uint32) error {
	return safefile.InFolder(path, func(folder *safefile.Folder, name string) error {
		file, err := folder.Create(name, 0o600)
		if err != nil {
			return err
		}
		_, err = file.WriteString(text)
		return errors.Join(err, file.Chown(a.UID, a.GID), unix.Fchmod(int(file.Fd()), mode), file.Close())
	})
}

// MakeDir makes one folder of the account with exactly this mode. One that exists
// becomes the account's.
func (a Account) MakeDir(path string, mode os.FileMode) error {
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make folder: %w", err)
	}
	return a.Own(path, mode)
}

// Own gives a file or a folder to the account, with exactly this mode.
func (a Account) Own(path string, mode os.FileMode) error {
	err := safefile.InFolder(path, func(folder *safefile.Folder, name string) error {
		return folder.Give(name, a.UID, a.GID, mode)
	})
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", path, a.Name, err)
	}
	return nil
}

// newHome gives the account an empty home.
func (a Account) newHome() error {
	if err := os.RemoveAll(a.Home); err != nil {
		return fmt.Errorf("empty %s: %w", a.Home, err)
	}
	if err := os.MkdirAll(filepath.Dir(a.Home), 0o755); err != nil {
		return fmt.Errorf("make folder of homes: %w", err)
	}
	return a.MakeDir(a.Home, 0o700)
}

// shared are the folders that all accounts may write to.
var shared = []string{"/tmp", "/var/tmp", "/dev/shm", "/run"}

// Reachable lists the folders, beside that of a case, in which an account can leave files.
func Reachable() []string {
	dirs := slices.Clone(shared)
	for _, a := range everyone() {
		dirs = append(dirs, a.Home)
	}
	return dirs
}

// RemoveFiles empties the homes of all accounts but root and removes what they left in
// the folders that all may write to.
func RemoveFiles() error {
	var errs []error
	for _, a := range everyone() {
		errs = append(errs, a.newHome())
	}
	uids := ByUID()
	for _, dir := range shared {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		errs = append(errs, err)
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				continue // gone meanwhile
			}
			if stat, ok := info.Sys().(*syscall.Stat_t); ok && uids[int(stat.Uid)] != "" {
				errs = append(errs, os.RemoveAll(filepath.Join(dir, entry.Name())))
			}
		}
	}
	return errors.Join(errs...)
}
