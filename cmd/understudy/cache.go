package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/timing"
	"github.com/understudy-conformance/understudy/images"
)

// cacheParts are the entries of the cache that this command makes, and clean removes. Others use the folder too.
var cacheParts = []string{"bin/*", "images/*", "layers/*", "roots/*", "base-*", "docker-build.*", timing.Parts}

// cacheFolder opens the cache, in which helper commands, layers and roots are kept between runs. Its caller closes it when
// nothing of it is used any more.
func cacheFolder(progress sandbox.Progress) (*cache.Folder, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, usage("no cache folder: %w: set HOME or XDG_CACHE_HOME", err)
	}
	folder, err := cache.Open(filepath.Join(dir, "understudy"), progress)
	if err != nil {
		return nil, usage("%w", err)
	}
	return folder, nil
}

// progressOn tells on standard error what takes time.
func progressOn(cmd *cobra.Command) sandbox.Progress {
	return func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "· "+text) }
}

// loadImplementation reads the manifest that --implementation names: the name of a built-in one, else a
// file or a folder. A folder with such a name is written ./reference.
func loadImplementation(ctx context.Context, named string, cached *cache.Folder) (implementation.Manifest, error) {
	if !slices.Contains(images.Names(), named) {
		m, err := implementation.Load(named)
		if _, absent := os.Stat(named); err != nil && absent != nil && !strings.ContainsRune(named, filepath.Separator) {
			err = fmt.Errorf("%w; built in are %s", err, strings.Join(images.Names(), " and "))
		}
		return m, err
	}
	dir, err := images.Extract(ctx, named, cached)
	if err != nil {
		return implementation.Manifest{}, fmt.Errorf("unpack the built-in implementation: %w", err)
	}
	return implementation.Load(dir)
}
