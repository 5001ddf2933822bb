package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/images"
)

// cacheParts are the parts of the cache that this command makes, and clean --cache removes.
var cacheParts = []string{"bin", "images", "layers", "roots", "base-*", "docker-build.log"}

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

// loadImplementation reads the manifest that --implementation names: the name of a built-in one, else a
// file or a folder. A folder with such a name is written ./reference.
func loadImplementation(named, cache string) (implementation.Manifest, error) {
	if !slices.Contains(images.Names(), named) {
		m, err := implementation.Load(named)
		if err != nil && !strings.ContainsRune(named, filepath.Separator) {
			err = fmt.Errorf("%w; built in are %s", err, strings.Join(images.Names(), " and "))
		}
		return m, err
	}
	dir, err := images.Extract(named, cache)
	if err != nil {
		return implementation.Manifest{}, fmt.Errorf("unpack the built-in implementation: %w", err)
	}
	return implementation.Load(dir)
}
