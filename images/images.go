// Package images carries the implementations that Understudy knows by itself:
// one folder each, with manifest, provisioning and probe, embedded so that an
// installed command needs no checkout.
package images

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Extract writes the folder of one implementation below cache, unless it is there already, and returns its path. The
// path holds a fingerprint of the content, so that two versions of Understudy do not disturb each other.
func Extract(name, cache string) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("no implementation %q is built in: there are %q", name, Names())
	}
	sum, err := fingerprint(name)
	if err != nil {
		return "", fmt.Errorf("read built-in implementation %s: %w", name, err)
	}
	dir := filepath.Join(cache, "images", name+"-"+sum)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "partial-")
	if err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	defer os.RemoveAll(partial)
	sub, err := fs.Sub(files, name)
	if err != nil {
		return "", fmt.Errorf("read built-in implementation %s: %w", name, err)
	}
	whole := filepath.Join(partial, name)
	if err := os.CopyFS(whole, sub); err != nil {
		return "", fmt.Errorf("write built-in implementation %s: %w", name, err)
	}
	// Another process may have put the same content there meanwhile.
	if err := os.Rename(whole, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("write built-in implementation %s: %w", name, err)
	}
	return dir, nil
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
