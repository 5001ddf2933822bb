package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

func reportCommand() *cobra.Command {
	var s selection
	var out, expect string
	cmd := &cobra.Command{
		Use:   "report DIR...",
		Short: "Write the reports of a run again, or of several as one",
		Long: `Computes verdicts and reports anew from DIR/events.jsonl, with the list of
known deviations that the run used (DIR/expectations.yaml) or that --expect
names. The exit code is that of the run.

Several folders, in any order, are joined into one report in --out, if suite,
implementation, its version and the kind of sandbox are the same. Shards of one
plan (run --shard) must all be there, each once: one that is missing makes the
report incomplete, exit code 3, also when --out is given with a single folder.
Of a case that several other runs played, the run that began last counts.`,
		Example: `  understudy report report/
  understudy report --expect images/airflow/expectations.yaml report/
  understudy report --out all/ shard-1/ shard-2/`,
		Args: arguments(1, 1000, "the folder of a run"),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			defer withoutPipes()()
			for i := range dirs {
				dirs[i] = folderOf(dirs[i])
			}
			profile, err := s.chosen()
			if err != nil {
				return err
			}
			if out == "" && len(dirs) > 1 {
				return usage("several journals need --out, the folder for the joined report")
			}
			all, err := loadSuite()
			if err != nil {
				return err
			}
			joined := out != ""
			if !joined {
				out = dirs[0]
			}
			within := func(dir string) bool { return sameFolder(dir, out) }
			var to *folder
			if slices.ContainsFunc(dirs, within) { // before it is read: no run may begin there in between
				if to, err = openFolder(out, "--out"); err != nil {
					return err
				}
				defer to.close()
			}
			held, known, err := readRuns(dirs, joined, expect, within)
			if err != nil {
				return err
			}
			if to == nil { // now that there is something to write
				if to, err = openFolder(out, "--out"); err != nil {
					return err
				}
				defer to.close()
			}
			code, err := render(to, held, all, known, profile, newConsole(cmd.OutOrStdout()))
			return &exitError{code: gravest(code, exitCode(err)), err: err}
		},
	}
	cmd.Flags().StringVar(&s.profile, "profile", "all", "profile that decides the exit code: upstream, hardened, or all")
	cmd.Flags().StringVar(&out, "out", "", "folder for the reports (default: the first DIR)")
	cmd.Flags().StringVar(&expect, "expect", "", "list of known deviations in place of the run's")
	return cmd
}

// readRuns reads the journals of the folders, and the list that counts for them. No run
// begins in one meanwhile, apart from those that are held already.
func readRuns(dirs []string, joined bool, expect string, held func(dir string) bool) (*verdict.Runs, knownDeviations, error) {
	for _, dir := range dirs {
		if held(dir) {
			continue
		}
		lock, err := readFolder(dir)
		if err != nil {
			return nil, knownDeviations{}, err
		}
		defer lock.Close()
	}
	all, err := readJournals(dirs, joined)
	if err != nil {
		return nil, knownDeviations{}, err
	}
	known, err := usedKnown(expect, dirs)
	return all, known, err
}

// readJournals reads the journals of the folders; joined, they have to belong together.
func readJournals(dirs []string, joined bool) (*verdict.Runs, error) {
	var parts []*verdict.Runs
	for _, dir := range dirs {
		held, err := readJournal(dir)
		if err != nil {
			return nil, err
		}
		parts = append(parts, held)
	}
	if !joined {
		return parts[0], nil
	}
	return verdict.Join(parts...)
}

// usedKnown reads the list at path or, without a path, the one that all the runs used.
func usedKnown(path string, dirs []string) (used knownDeviations, err error) {
	if path != "" {
		return readKnown(path, implementation.Manifest{})
	}
	for i, dir := range dirs {
		own := knownDeviations{}
		path := filepath.Join(dir, knownFile)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			if own, err = readKnown(path, implementation.Manifest{}); err != nil {
				return used, err
			}
		}
		if i > 0 && !bytes.Equal(own.text, used.text) {
			return used, usage("%s and %s were run with different lists of known deviations: name one with --expect", dirs[0], dir)
		}
		if i == 0 {
			used = own
		}
	}
	return used, nil
}

// folderOf is the folder of a run of which somebody names the journal.
func folderOf(path string) string {
	if info, err := os.Stat(path); filepath.Base(path) == eventsFile && (err != nil || !info.IsDir()) {
		return filepath.Dir(path)
	}
	return path
}

// sameFolder says whether both paths lead to one folder.
func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	other, failed := os.Stat(b)
	return err == nil && failed == nil && os.SameFile(one, other)
}
