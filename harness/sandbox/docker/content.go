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

// content writes, into folder dir, a tar with everything that a sandbox finds in
// /understudy, owned by root whoever writes it, and returns its path.
func content(dir, commands, folder string) (string, error) {
	tree := filepath.Join(dir, "tree")
	// The names below tree are those that the sandbox has.
	if err := os.MkdirAll(filepath.Join(tree, filepath.Dir(sandbox.Implementation)), 0o755); err != nil {
		return "", fmt.Errorf("docker: copy helper commands: %w", err)
	}
	if err := sandbox.CopyCommands(commands, filepath.Join(tree, sandbox.Bin)); err != nil {
		return "", err
	}
	if err := sandbox.CopyFolder(folder, filepath.Join(tree, sandbox.Implementation)); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "content.tar")
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("docker: pack what sandboxes get: %w", err)
	}
	if err := errors.Join(pack(out, tree), out.Close(), os.RemoveAll(tree)); err != nil {
		return "", fmt.Errorf("docker: pack what sandboxes get: %w", err)
	}
	return file, nil
}

// pack writes all below dir as tar: owner root, modes as they are.
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
			Mode: int64(info.Mode().Perm()), ModTime: info.ModTime(),
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
