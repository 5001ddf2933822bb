package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
)

// maxFile bounds what the stage reads of one file, in bytes.
const maxFile = 64 << 20

// inFolder opens the folder that a path lies in. What is done to the last part of the
// path then follows no symbolic link: tasks write to many of these folders, and the
// stage is root.
func inFolder(path string, do func(folder *safefile.Folder, name string) error) error {
	folder, err := safefile.OpenFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return do(folder, filepath.Base(path))
}

// writeFile writes a file anew, with exactly this owner and mode.
func writeFile(path, text string, owner Account, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder of %s: %w", path, err)
	}
	if err := makeFile(path, text, owner.UID, owner.GID, uint32(mode.Perm())); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}

// makeFile writes a file anew. The mode is a raw one, since that of os has the
// set-user-id bit elsewhere.
func makeFile(path, text string, uid, gid int, mode uint32) error {
	return inFolder(path, func(folder *safefile.Folder, name string) error {
		file, err := folder.Create(name, 0o600)
		if err != nil {
			return err
		}
		_, err = file.WriteString(text)
		return errors.Join(err, file.Chown(uid, gid), unix.Fchmod(int(file.Fd()), mode), file.Close())
	})
}

// readFile reads a regular file; the last part of its path is not followed.
func readFile(path string) (text []byte, err error) {
	err = inFolder(path, func(folder *safefile.Folder, name string) (err error) {
		text, err = folder.Read(name, maxFile, safefile.Terms{})
		return err
	})
	return text, err
}

// own gives a file or a folder exactly this owner and mode.
func own(path string, owner Account, mode os.FileMode) error {
	err := inFolder(path, func(folder *safefile.Folder, name string) error {
		return folder.Give(name, owner.UID, owner.GID, mode)
	})
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", path, owner.Name, err)
	}
	return nil
}
