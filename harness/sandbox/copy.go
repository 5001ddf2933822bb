package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Commands are the helper commands that a sandbox finds in Bin.
var Commands = []string{"understudy-worker", "understudy-supervisor", "understudy-keeper", "understudy-fetcher", "understudy-runner"}

// CopyCommands copies the helper commands of folder from into folder to, which it makes.
func CopyCommands(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("copy helper commands: %w", err)
	}
	for _, name := range Commands {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name), 0o755); err != nil {
			return fmt.Errorf("copy helper command: %w", err)
		}
	}
	return os.Chmod(to, 0o755)
}

// FolderLimit bounds what CopyFolder copies, in bytes.
const FolderLimit = 512 << 20

// CopyFolder copies files, folders and symbolic links below from into to, which
// it makes: folders and executables 0755, other files 0644, owned by the caller.
// FIFOs, devices and sockets are left out. Anything larger than FolderLimit in all is refused, naming what to do.
func CopyFolder(from, to string) error {
	var total int64
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		target := filepath.Join(to, rel)
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("copy %s: %w", path, err)
		}
		switch {
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.IsDir():
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			return os.Chmod(target, 0o755) // whatever the umask
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return fmt.Errorf("copy %s: %w", path, err)
			}
			return os.Symlink(link, target)
		case !info.Mode().IsRegular():
			return nil
		}
		if total += info.Size(); total > FolderLimit {
			return fmt.Errorf("copy %s into the sandbox: it holds more than %d MiB; install large things in provision.sh instead", from, FolderLimit>>20)
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755
		}
		return copyFile(path, target, mode)
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := safefile.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(mode), out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
