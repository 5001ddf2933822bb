// Package images carries the implementations that Understudy knows by itself:
// one folder each, with manifest, provisioning and probe, embedded so that an
// installed command needs no checkout.
package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/understudy-conformance/understudy/harness/cache"
)

// Reference is the name of the implementation that is tested when none is named.
const Reference = "reference"

//go:embed airflow reference
var files embed.FS

// Names lists the embedded implementations.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded at build time: cannot be absent
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Extract writes the folder of one implementation into the cache, unless it is there with exactly this content, and
// returns its path. The path holds a fingerprint of the content, so that two versions of Understudy do not disturb each other.
func Extract(ctx context.Context, name string, cached *cache.Folder) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("no implementation %q is built in: there are %q", name, Names())
	}
	sum, err := fingerprint(name)
	if err != nil {
		return "", fmt.Errorf("read built-in implementation %s: %w", name, err)
	}
	sub, err := fs.Sub(files, name)
	if err != nil {
		return "", fmt.Errorf("read built-in implementation %s: %w", name, err)
	}
	entry := cached.Entry("images/" + name + "-" + sum)
	err = entry.Tree(ctx, cache.Maker{
		What:  "folder of the built-in implementation " + name,
		Build: func(partial string, _ io.Writer) error { return os.CopyFS(partial, sub) },
		Check: func(path string) error { return same(path, sub) },
	})
	if err != nil {
		return "", fmt.Errorf("write built-in implementation %s: %w", name, err)
	}
	return entry.Path, nil
}

// same says in what a folder differs from the files that are built in.
func same(dir string, want fs.FS) error {
	found := os.DirFS(dir)
	err := fs.WalkDir(want, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fs.Lstat(found, path)
		switch {
		case err != nil:
			return fmt.Errorf("%s is missing", path)
		case info.Mode().Type() != entry.Type():
			return fmt.Errorf("%s is something else", path)
		case entry.IsDir():
			return nil
		}
		text, err := fs.ReadFile(want, path)
		if err != nil {
			return err
		}
		if got, err := fs.ReadFile(found, path); err != nil || !bytes.Equal(got, text) {
			return fmt.Errorf("%s has another content", path)
		}
		return nil
	})
	if err == nil {
		err = fs.WalkDir(found, ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if _, err := fs.Stat(want, path); err != nil {
				return fmt.Errorf("%s does not belong there", path)
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, cache.ErrDamaged)
	}
	return nil
}

func fingerprint(name string) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, name, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}
