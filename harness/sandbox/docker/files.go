package docker

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// pack makes a tar, rooted at /, of the helper commands and the manifest's folder:
// owned by root, readable by all. It is made once a run, so that all its containers hold the same.
func pack(bin, dir string) ([]byte, error) {
	staging, err := os.MkdirTemp("", "understudy-files-")
	if err != nil {
		return nil, fmt.Errorf("collect files for containers: %w", err)
	}
	defer os.RemoveAll(staging)
	if err := sandbox.CopyCommands(bin, filepath.Join(staging, sandbox.Bin)); err != nil {
		return nil, err
	}
	if err := sandbox.CopyFolder(dir, filepath.Join(staging, sandbox.Implementation)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err = filepath.WalkDir(staging, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || at == staging {
			return err
		}
		rel, err := filepath.Rel(staging, at)
		if err != nil {
			return err
		}
		return add(w, at, path.Clean(filepath.ToSlash(rel)), entry)
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("collect files for containers: %w", err)
	}
	return out.Bytes(), nil
}

func add(w *tar.Writer, at, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	var link string
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(at); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	if entry.IsDir() {
		header.Mode = 0o755 // whatever the umask
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = strings.TrimPrefix(name, "/"), 0, 0, "", ""
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
