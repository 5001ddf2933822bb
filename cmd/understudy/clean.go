package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
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
	var doomed []string
	for _, name := range cacheFolders {
		path := filepath.Join(dir, name)
		if whole {
			doomed = append(doomed, path)
			continue
		}
		halves, err := filepath.Glob(filepath.Join(path, "*partial*"))
		if err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		doomed = append(doomed, halves...)
	}
	var problems []error
	gone := 0
	for _, path := range doomed {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			problems = append(problems, usage("remove %s: %w: was it made by root?", path, err))
			continue
		}
		gone++
	}
	fmt.Fprintf(cmd.OutOrStdout(), "removed from the cache in %s: %d\n", dir, gone)
	return errors.Join(problems...)
}
