package docker

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// content packs everything that a sandbox finds in /understudy as tar, owned by root
// whoever packs it. The file has no name any more where the system permits that, so
// that nothing stays behind when this process is killed; its caller closes it and
// removes what still has the name.
func content(commands, folder, bring string) (*os.File, error) {
	tree, err := os.MkdirTemp("", "understudy-docker-")
	if err != nil {
		return nil, fmt.Errorf("docker: make a folder for what sandboxes get: %w", err)
	}
	defer os.RemoveAll(tree)
	// The names below tree are those that the sandbox has.
	if err := sandbox.CopyCommands(commands, filepath.Join(tree, sandbox.Bin)); err != nil {
		return nil, err
	}
	if err := sandbox.CopyFolder(folder, filepath.Join(tree, sandbox.Implementation)); err != nil {
		return nil, err
	}
	if bring != "" {
		if err := sandbox.CopyFolder(bring, filepath.Join(tree, sandbox.Brought)); err != nil {
			return nil, err
		}
	}
	file, err := os.CreateTemp("", "understudy-docker-*.tar")
	if err != nil {
		return nil, fmt.Errorf("docker: pack what sandboxes get: %w", err)
	}
	os.Remove(file.Name()) // some systems remove no open file; then discard does
	if err := pack(file, tree); err != nil {
		return nil, errors.Join(fmt.Errorf("docker: pack what sandboxes get: %w", err), discard(file))
	}
	return file, nil
}

// whole reads a file from its beginning, independently of other readers.
func whole(file *os.File) (io.Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(file, 0, info.Size()), nil
}

func discard(file *os.File) error {
	err := file.Close()
	if failed := os.Remove(file.Name()); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
		err = errors.Join(err, failed)
	}
	return err
}

// pack writes all below dir as tar: owner root, folders 0755, other modes as they are.
func pack(to io.Writer, dir string) error {
	archive := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		kind := map[fs.FileMode]byte{0: tar.TypeReg, fs.ModeDir: tar.TypeDir, fs.ModeSymlink: tar.TypeSymlink}[info.Mode().Type()]
		header := &tar.Header{
			Typeflag: kind, Name: path.Clean(filepath.ToSlash(rel)), Linkname: link,
			Mode: mode(info), ModTime: info.ModTime(),
		}
		if kind == tar.TypeReg {
			header.Size = info.Size()
		}
		if err := archive.WriteHeader(header); err != nil || kind != tar.TypeReg {
			return err
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(archive, in)
		return err
	})
	return errors.Join(err, archive.Close())
}

// mode is what sandboxes see: the copies have it already, folders above them depend on the umask.
func mode(info fs.FileInfo) int64 {
	if info.IsDir() {
		return 0o755
	}
	return int64(info.Mode().Perm())
}
