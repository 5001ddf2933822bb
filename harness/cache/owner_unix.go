//go:build unix

package cache

import (
	"fmt"
	"io/fs"
	"syscall"
)

// owner returns user and group of a file.
func owner(info fs.FileInfo) string {
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", stat.Uid, stat.Gid)
}
