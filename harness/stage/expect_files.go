package stage

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Text returns the content of a regular file. The last part of its path is not
// followed as a symbolic link. The scenario made the file, so that it is gone, has
// become something else or grew beyond measure is a violation of the first requirement.
func (s *Stage) Text(path string) string {
	text, err := readFile(path)
	for _, changed := range []error{fs.ErrNotExist, safefile.ErrNotRegular, safefile.ErrNotFolder, safefile.ErrTooLarge} {
		if errors.Is(err, changed) {
			s.changedFile(path, err)
		}
	}
	s.must(err)
	return string(text)
}

func (s *Stage) changedFile(path string, err error) {
	s.unmet("a file of the scenario is gone or something else", "a regular file of no more than 64 MiB at "+path, err.Error())
}

// Find returns all files below dir whose last part is name, FindDirs all
// directories. A directory that does not exist holds none.
func (s *Stage) Find(dir, name string) []string {
	return s.find(dir, func(entry fs.DirEntry) bool { return !entry.IsDir() && entry.Name() == name })
}

// FindDirs is described with Find.
func (s *Stage) FindDirs(dir, name string) []string {
	return s.find(dir, func(entry fs.DirEntry) bool { return entry.IsDir() && entry.Name() == name })
}

func (s *Stage) find(dir string, wanted func(fs.DirEntry) bool) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while it was walked
		}
		if err == nil && wanted(entry) {
			found = append(found, path)
		}
		return err
	})
	s.must(err)
	return found
}
