package stage

import (
	"io/fs"
	"os"
	"path/filepath"
)

// PutFile writes a file with exactly this owner and mode and returns its path.
// It belongs below Path or into the home of a fixture account: both are emptied
// after the case.
func (s *Stage) PutFile(path, text, owner string, mode os.FileMode) string {
	s.must(writeFile(path, text, s.Account(owner), mode))
	return path
}

// PutFolder makes one folder with exactly this owner and mode, or changes those
// of one that is there, and returns its path.
func (s *Stage) PutFolder(path, owner string, mode os.FileMode) string {
	s.must(makeDir(path, s.Account(owner), mode))
	return path
}

// Find returns all paths below dir whose last part is name. A directory that
// does not exist holds none.
func (s *Stage) Find(dir, name string) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == name {
			found = append(found, path)
		}
		if os.IsNotExist(err) {
			return nil // removed while it was walked
		}
		return err
	})
	s.must(err)
	return found
}
