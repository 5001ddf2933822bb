package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Digest is what the verb read_file gives for a file.
func (s *Stage) Digest(path string) any {
	text, err := os.ReadFile(path)
	s.must(err)
	sum := sha256.Sum256(text)
	return map[string]any{"size": len(text), "sha256": hex.EncodeToString(sum[:])}
}

// Find returns all paths below dir whose last part is name. A directory that
// does not exist holds none.
func (s *Stage) Find(dir, name string) []string {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while it was walked
		}
		if err == nil && entry.Name() == name {
			found = append(found, path)
		}
		return err
	})
	s.must(err)
	return found
}
