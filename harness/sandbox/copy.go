package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Commands are the helper commands that a sandbox finds in Bin.
var Commands = []string{"understudy-worker", "understudy-supervisor", "understudy-keeper", "understudy-fetcher", "understudy-runner", "understudy-puppet"}

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

var (
	errExchanged = errors.New("somebody exchanged it while it was copied")
	errTooLarge  = fmt.Errorf("it holds more than %d MiB; install large things in provision.sh instead", FolderLimit>>20)
)

// CopyFolder copies files, folders and symbolic links below from into to, which
// it makes: folders and executables 0755, other files 0644, owned by the caller.
// FIFOs, devices and sockets are left out. Anything larger than FolderLimit in all is refused, naming what to do.
// So is what its owner exchanges meanwhile: root copies nothing that lies outside of from.
func CopyFolder(from, to string) error { return copyFolder(from, to, FolderLimit, func(string) {}) }

// copyFolder calls looked with the path, relative to from, of each thing between the look at it and its use.
func copyFolder(from, to string, limit int64, looked func(path string)) error {
	root, err := os.OpenRoot(from)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	defer root.Close()
	return (&copier{left: limit, looked: looked}).folder(root, ".", to)
}

type copier struct {
	left   int64 // octets that may still be copied
	looked func(path string)
}

// folder copies what is in an open folder, whose path is relative to what is copied.
func (c *copier) folder(dir *os.Root, path, to string) error {
	if err := errors.Join(os.MkdirAll(to, 0o755), os.Chmod(to, 0o755)); err != nil { // whatever the umask
		return err
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return fmt.Errorf("copy %s: %w", dir.Name(), err)
	}
	for _, entry := range entries {
		if err := c.entry(dir, entry.Name(), filepath.Join(path, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// entry copies one thing in an open folder.
func (c *copier) entry(dir *os.Root, name, path, to string) error {
	info, err := dir.Lstat(name)
	if err == nil {
		c.looked(path)
		switch {
		case info.IsDir() && name == ".git":
		case info.IsDir():
			return c.sub(dir, info, path, to) // says itself where
		case info.Mode()&fs.ModeSymlink != 0:
			var target string
			if target, err = dir.Readlink(name); err == nil {
				return os.Symlink(target, to)
			}
		case info.Mode().IsRegular():
			err = c.file(dir, info, to)
		}
	}
	if err != nil {
		return fmt.Errorf("copy %s into the sandbox: %w", filepath.Join(dir.Name(), name), err)
	}
	return nil
}

func (c *copier) sub(dir *os.Root, looked fs.FileInfo, path, to string) error {
	sub, err := dir.OpenRoot(looked.Name())
	if err == nil {
		defer sub.Close()
		var info fs.FileInfo
		if info, err = sub.Stat("."); err == nil && !os.SameFile(info, looked) {
			err = errExchanged
		}
	}
	if err != nil {
		return fmt.Errorf("copy %s into the sandbox: %w", filepath.Join(dir.Name(), looked.Name()), exchanged(dir, looked, err))
	}
	return c.folder(sub, path, to)
}

func (c *copier) file(dir *os.Root, looked fs.FileInfo, to string) error {
	in, err := dir.OpenFile(looked.Name(), os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO is not waited for
	if err != nil {
		return exchanged(dir, looked, err)
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !os.SameFile(info, looked) {
		return errors.Join(err, errExchanged)
	}
	if looked.Size() > c.left { // before any of it is copied
		return errTooLarge
	}
	mode := fs.FileMode(0o644)
	if looked.Mode()&0o111 != 0 {
		mode = 0o755
	}
	n, err := write(to, io.LimitReader(in, c.left+1), mode)
	if c.left -= n; err == nil && c.left < 0 {
		err = errTooLarge
	}
	return err
}

// exchanged says of an error whether it comes of an exchange.
func exchanged(dir *os.Root, looked fs.FileInfo, err error) error {
	if now, lookErr := dir.Lstat(looked.Name()); !errors.Is(err, errExchanged) && lookErr == nil && !os.SameFile(now, looked) {
		return fmt.Errorf("%w: %w", errExchanged, err)
	}
	return err
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := safefile.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := write(to, in, mode); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

// write makes a file with exactly that mode, and says how much was written.
func write(to string, in io.Reader, mode fs.FileMode) (int64, error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, in)
	return n, errors.Join(err, out.Chmod(mode), out.Close())
}
