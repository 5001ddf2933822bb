//go:build !linux

package cache

import "io/fs"

// flushTree puts a folder with all that it holds on the disk.
func flushTree(dir string) error {
	return walk(dir, func(path, _ string, info fs.FileInfo) error {
		if info.IsDir() || info.Mode().IsRegular() {
			return flush(path)
		}
		return nil
	})
}
