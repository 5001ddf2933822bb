package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/images"
)

// cacheFolders are the parts of the cache that this command makes, and clean removes.
var cacheFolders = []string{"bin", "images", "layers", "roots"}

// cacheFolder is where helper commands, layers and roots are kept between runs.
func cacheFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", usage("no cache folder: %w: set HOME or XDG_CACHE_HOME", err)
	}
	dir = filepath.Join(dir, "understudy")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", usage("make the cache folder: %w: set XDG_CACHE_HOME to a folder that you may write", err)
	}
	return dir, nil
}

// loadImplementation reads the manifest that --implementation names: a file, a folder, or the name of a
// built-in one.
func loadImplementation(named, cache string) (implementation.Manifest, error) {
	if _, err := os.Stat(named); errors.Is(err, fs.ErrNotExist) {
		for _, name := range images.Names() {
			if name == named {
				dir, err := images.Extract(name, cache)
				if err != nil {
					return implementation.Manifest{}, fmt.Errorf("unpack the built-in implementation: %w", err)
				}
				return implementation.Load(dir)
			}
		}
	}
	return implementation.Load(named)
}
