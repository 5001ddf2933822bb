package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
	"github.com/understudy-conformance/understudy/harness/sandbox/layer"
)

func cleanCommand() *cobra.Command {
	var cache, all bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what dead runs left, and on request the cache",
		Long: `Removes containers of runs whose process has ended, and halves of cache
entries. Namespace sandboxes leave nothing: they end with the run. With --cache
the cache goes too: helper commands, layers and roots; the next run makes them
again.`,
		Example: `  understudy clean
  understudy clean --cache`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := docker.Sweep(cmd.Context(), all)
			if errors.Is(err, sandbox.ErrUnavailable) {
				fmt.Fprintln(cmd.OutOrStdout(), "no container engine answers: nothing to remove there")
				err = nil
			} else if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "containers removed: %d\n", len(removed))
			}
			return errors.Join(err, cleanCache(cmd, cache))
		},
	}
	cmd.Flags().BoolVar(&cache, "cache", false, "remove the cache too")
	cmd.Flags().BoolVar(&all, "all", false, "remove containers of runs that may still be alive as well")
	return cmd
}

// cleanCache removes unfinished entries of the cache, or, when whole, all that this command keeps there.
func cleanCache(cmd *cobra.Command, whole bool) error {
	dir, err := cacheFolder()
	if err != nil {
		return err
	}
	var problems []error
	gone := 0
	for _, part := range []string{".", "layers", "roots"} {
		removed, err := layer.Sweep(filepath.Join(dir, part))
		gone += removed
		problems = append(problems, err)
	}
	if whole {
		removed, err := removeCached(dir)
		gone += removed
		problems = append(problems, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "removed from the cache in %s: %d\n", dir, gone)
	return errors.Join(problems...)
}

// removeCached removes what this command keeps in dir, and nothing else: others use the folder too.
func removeCached(dir string) (removed int, err error) {
	var problems []error
	for _, pattern := range cacheParts {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return removed, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				problems = append(problems, usage("remove %s: %w: was it made by root?", path, err))
				continue
			}
			removed++
		}
	}
	return removed, errors.Join(problems...)
}
