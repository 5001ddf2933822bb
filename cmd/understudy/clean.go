package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
)

// cleanFlags are the flags of "understudy clean".
type cleanFlags struct {
	cache, all bool
	olderThan  age
	keep       octets
}

func cleanCommand() *cobra.Command {
	var f cleanFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what dead runs left, and on request the cache",
		Long: `Removes containers of runs whose process has ended, and halves of cache
entries. Whether it has can be told of runs in this pid namespace only: those of
another machine, or of another container on this one, need --all. Namespace
sandboxes leave nothing: they end with the run. With --cache the cache goes too:
helper commands, layers and roots; the next run makes them again. --older-than and
--keep remove a part of it: what no run used for so long, and what was not used for
the longest time until the rest is small enough. What a run uses at the moment
always stays.`,
		Example: `  understudy clean
  understudy clean --cache
  understudy clean --older-than 30d --keep 5GB`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := docker.Sweep(cmd.Context(), f.all)
			if errors.Is(err, sandbox.ErrUnavailable) {
				fmt.Fprintln(cmd.OutOrStdout(), "no container engine answers: nothing to remove there")
				err = nil
			} else if err == nil {
				tellRemoved(cmd.OutOrStdout(), removed)
			}
			return errors.Join(err, f.cleanCache(cmd))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.cache, "cache", false, "remove the cache too: all of it, without --older-than and --keep")
	flags.Var(&f.olderThan, "older-than", "remove from the cache what no run used for so long, such as 30d or 12h")
	flags.Var(&f.keep, "keep", "remove from the cache what was not used for the longest time, until no more than so much is left, such as 5GB")
	flags.BoolVar(&f.all, "all", false, "remove containers of runs that may still be alive as well")
	return cmd
}

// tellRemoved names the containers and the runs that they were of, which people know by their reports.
func tellRemoved(out io.Writer, removed []docker.Removed) {
	fmt.Fprintf(out, "containers removed: %d\n", len(removed))
	for _, r := range removed {
		fmt.Fprintf(out, "  %.12s of run %s\n", r.Container, r.Run)
	}
}

// cleanCache removes unfinished entries of the cache, and what the flags say.
func (f cleanFlags) cleanCache(cmd *cobra.Command) error {
	folder, err := cacheFolder(progressOn(cmd))
	if err != nil {
		return err
	}
	defer folder.Close()
	swept, failed := folder.Sweep(cacheParts)
	policy := cache.Policy{OlderThan: f.olderThan.Duration, Keep: int64(f.keep)}
	policy.All = f.cache && policy == cache.Policy{}
	done, err := folder.Prune(cacheParts, policy)
	fmt.Fprintf(cmd.OutOrStdout(), "removed from the cache in %s: %d, %s; left: %d, %s\n",
		folder.Dir(), swept.Removed+done.Removed, units.HumanSize(float64(swept.Freed+done.Freed)), done.Left, units.HumanSize(float64(done.Size)))
	if done.InUse > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "in use by a run, and left: %d\n", done.InUse)
	}
	return errors.Join(failed, err)
}
