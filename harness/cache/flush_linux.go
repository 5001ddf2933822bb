package cache

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// flushTree puts a folder with all that it holds on the disk. One call for the
// whole file system is quicker than one for each of many thousand files.
func flushTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("flush the file system of %s: %w", dir, err)
	}
	return nil
}
