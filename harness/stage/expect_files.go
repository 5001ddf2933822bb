package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
)

// Digest is what the verb read_file gives for a file.
func (s *Stage) Digest(path string) any {
	text, err := readFile(path)
	s.must(err)
	sum := sha256.Sum256(text)
	return map[string]any{"size": len(text), "sha256": hex.EncodeToString(sum[:])}
}

// Text returns the content of a regular file. The last part of its path is not
// followed as a symbolic link.
func (s *Stage) Text(path string) string {
	text, err := readFile(path)
	s.must(err)
	return string(text)
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
