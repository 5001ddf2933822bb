package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/implementation"
)

func reportCommand() *cobra.Command {
	var s selection
	var out, expect string
	cmd := &cobra.Command{
		Use:   "report DIR...",
		Short: "Write the reports of a run again from its journal",
		Long: `Computes verdicts and reports anew from DIR/events.jsonl, with the list of
known deviations that the run used (DIR/expectations.yaml) or that --expect
names. Several folders are joined into one report; of a case that is in more
than one, the latest counts. The exit code is that of the run.`,
		Example: `  understudy report report/
  understudy report --expect images/airflow/expectations.yaml report/
  understudy report --out all/ shard-1/ shard-2/`,
		Args: arguments(1, 1000, "the folder of a run"),
		RunE: func(cmd *cobra.Command, dirs []string) error {
			profile, err := s.chosen()
			if err != nil {
				return err
			}
			if out == "" && len(dirs) > 1 {
				return usage("several journals need --out, the folder for the joined report")
			}
			if out == "" {
				out = dirs[0]
			}
			if expect == "" {
				expect = filepath.Join(dirs[0], knownFile)
				if _, err := os.Stat(expect); errors.Is(err, fs.ErrNotExist) {
					expect = ""
				}
			}
			known, err := readKnown(expect, implementation.Manifest{})
			if err != nil {
				return err
			}
			all, err := loadSuite()
			if err != nil {
				return err
			}
			var journals []string
			for _, dir := range dirs {
				journals = append(journals, filepath.Join(dir, eventsFile))
			}
			code, err := render(out, journals, all, known, profile, newConsole(cmd.OutOrStdout(), all, known))
			if err != nil {
				return err
			}
			return &exitError{code: code}
		},
	}
	cmd.Flags().StringVar(&s.profile, "profile", "all", "profile that decides the exit code: upstream, hardened, or all")
	cmd.Flags().StringVar(&out, "out", "", "folder for the reports (default: the first DIR)")
	cmd.Flags().StringVar(&expect, "expect", "", "list of known deviations in place of the run's")
	return cmd
}
