package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Store is the directory of one git bundle.
type Store struct{ Dir string }

// OpenStore makes and checks the directories of a bundle. Each belongs to this
// process's user or to root, as do those above, and none can be written by
// everybody: whoever can write there can put code into tasks of other users.
func OpenStore(root, name string) (*Store, error) {
	if !filepath.IsAbs(root) {
		return nil, fmt.Errorf("bundle storage %q is not an absolute path", root)
	}
	encoded, err := EncodeName(name)
	if err != nil {
		return nil, err
	}
	s := &Store{filepath.Join(root, encoded)}
	if err := makeParents(root); err != nil {
		return nil, err
	}
	for _, parent := range elements(filepath.Dir(root)) {
		if err := checkParent(parent); err != nil {
			return nil, err
		}
	}
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{
		{root, 0o755},
		{s.Dir, 0o755},
		{s.versions(), 0o755},
		{s.Staging(), 0o700},
	} {
		if err := ownDir(d.path, d.mode); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Store) versions() string { return filepath.Join(s.Dir, "versions") }

// Staging is where versions are being written.
func (s *Store) Staging() string { return filepath.Join(s.Dir, "staging") }

// Version is where the tree of a commit is, once it is complete.
func (s *Store) Version(id string) string { return filepath.Join(s.versions(), id) }

// Has reports whether a version is complete. It is as soon as it has its name.
func (s *Store) Has(id string) bool {
	info, err := os.Lstat(s.Version(id))
	return err == nil && info.IsDir()
}

// makeParents makes the directories above the storage root that are missing,
// open to all readers whatever the umask.
func makeParents(root string) error {
	parent := filepath.Dir(root)
	if _, err := os.Stat(parent); err == nil || parent == root {
		return nil
	}
	if err := makeParents(parent); err != nil {
		return err
	}
	return mkdir(parent, 0o755)
}

// mkdir makes a directory with exactly this mode; one that is there stays as it is.
func mkdir(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		return fmt.Errorf("make bundle storage: %w", err)
	}
	return nil
}

// checkParent refuses a directory in which somebody else could put another
// storage in the place of this one. A symbolic link counts as what it leads to.
func checkParent(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look above bundle storage: %w", err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && int(owner) != os.Geteuid() {
		return fmt.Errorf("%s, above the bundle storage, belongs to uid %d, not to root or this supervisor's uid %d: "+
			"choose another directory as [dag_processor] dag_bundle_storage_path", path, owner, os.Geteuid())
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s, above the bundle storage, can be written by everybody (mode %04o): remove that permission", path, info.Mode().Perm())
	}
	return nil
}

func ownDir(path string, mode fs.FileMode) error {
	if err := mkdir(path, mode); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at bundle storage: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("bundle storage %s is not a directory", path)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 && int(owner) != os.Geteuid() {
		return fmt.Errorf("bundle storage %s belongs to uid %d, not to root or this supervisor's uid %d: "+
			"choose another directory as [dag_processor] dag_bundle_storage_path", path, owner, os.Geteuid())
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("bundle storage %s can be written by everybody (mode %04o): remove that permission", path, info.Mode().Perm())
	}
	return nil
}
