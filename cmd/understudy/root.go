package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/reports/visible"
)

// execute runs the command line and returns the exit code. Whatever a command says
// goes through one writer that makes visible what has no shape of its own: names from
// manifests, paths and arguments may hold anything.
func execute(args []string, stdout, stderr io.Writer) int {
	out, problems := visible.NewWriter(stdout), visible.NewWriter(stderr)
	log.SetOutput(problems) // for libraries
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(problems)
	err := root.Execute()
	if text := message(err); text != "" {
		fmt.Fprintln(problems, "understudy: "+text)
	}
	_ = errors.Join(out.Flush(), problems.Flush()) // the end of what was not even a character
	return exitCode(err)
}

// raw goes round the writer of all commands, for one that makes everything visible itself.
func raw(out io.Writer) io.Writer {
	if w, ok := out.(*visible.Writer); ok {
		return w.Raw()
	}
	return out
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "understudy",
		Short: "Tests programs that run Airflow tasks as another user",
		Long: `Understudy tests programs that run Apache Airflow tasks as another user: the
supervisor that stays privileged, the runner that becomes the target user, and
the Dag bundle that both read. It says which requirements hold, which do not,
and why.

Exit codes, the gravest wins:
  4  a fault of Understudy itself
  2  a flag, id, manifest or filter that cannot be used
  3  incomplete: no sandbox, an implementation that does not start, no room,
     interrupted or killed
  1  a requirement is violated that is not on the list of known deviations
  0  conforms`,
		Example: `  understudy run                                    # the reference implementation
  understudy run --implementation airflow --role worker
  understudy explain IMP-003                        # what, why, and how to run it
  understudy check my/implementation.yaml           # before the first run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w\n\"%s --help\" lists the flags", err, cmd.CommandPath())
	})
	root.AddCommand(
		runCommand(), listCommand(), explainCommand(), reportCommand(), checkCommand(), selftestCommand(), shellCommand(), cleanCommand(), versionCommand(),
	)
	return root
}

// onlyCommands refuses words that are no command, with those that are near.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("%s: did you mean %s?", text, strings.Join(near, " or "))
	}
	return usage("%s: \"understudy help\" lists the commands", text)
}

// arguments wants between least and most arguments, and says what they are.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s: %s", cmd.Name(), what, cmd.UseLine())
		case len(args) > most:
			return usage("%s takes no argument %q: %s", cmd.Name(), args[most], cmd.UseLine())
		}
		return nil
	}
}
