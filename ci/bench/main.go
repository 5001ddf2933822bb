// Command bench measures the reference supervisor and runner against floors that
// nobody can undercut, and against Airflow's own supervisor and runner.
//
//	go run ./ci/bench
//
// It builds the commands, makes sandboxes by understudy shell, measures inside
// them and writes results.md and results.json. README.md beside this file says
// what is measured, and how.
//
// The same program is three processes: the one that people start; "inside", which
// measures in a sandbox as root; and "peer", the other end of a socketpair.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const usage = `bench measures the reference supervisor and runner as ratios to floors.

  go run ./ci/bench [--only NAME,...] [--pairs N] [--profile DIR] [--out DIR] [--strict]

  --only NAME,...  lines to measure: %s
  --pairs N        measurements of each line, 30 unless told; of the line airflow a sixth, of memory a tenth
  --profile DIR    leave CPU profiles and all phases there
  --out DIR        where results.md and results.json go, ci/bench unless told
  --bin DIR        commands that were built before (understudy, understudy-worker, ...)
  --strict         exit 1 where a goal is missed

It needs root on Linux, go, and a checkout as working directory.

Exit code: 0 all was measured, 1 something could not be measured, or with --strict
a goal is missed, 2 wrong arguments.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) > 0 && args[0] == "inside":
		err = inside(ctx, args[1:], stdout, stderr)
	case len(args) == 2 && args[0] == "peer":
		err = servePeer(args[1])
	default:
		o, problem := parse(args)
		switch {
		case errors.Is(problem, flag.ErrHelp):
			fmt.Fprintf(stdout, usage, strings.Join(allLines(), ", "))
			return 0
		case problem != nil:
			fmt.Fprintf(stderr, "bench: %v; see --help\n", problem)
			return 2
		}
		err = outside(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// options are what the command line says.
type options struct {
	lines   []string
	pairs   int
	profile string
	out     string
	bin     string
	strict  bool
}

func parse(args []string) (options, error) {
	o := options{lines: allLines()}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	only := flags.String("only", "", "")
	flags.IntVar(&o.pairs, "pairs", 30, "")
	flags.StringVar(&o.profile, "profile", "", "")
	flags.StringVar(&o.out, "out", "ci/bench", "")
	flags.StringVar(&o.bin, "bin", "", "")
	flags.BoolVar(&o.strict, "strict", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.pairs < 1 || o.pairs > 10_000 {
		return o, fmt.Errorf("--pairs %d: expected 1 to 10000", o.pairs)
	}
	if *only == "" {
		return o, nil
	}
	wanted := strings.Split(*only, ",")
	for _, name := range wanted {
		if !slices.Contains(allLines(), name) {
			return o, fmt.Errorf("--only %q: the lines are %s", name, strings.Join(allLines(), ", "))
		}
	}
	o.lines = slices.DeleteFunc(allLines(), func(name string) bool { return !slices.Contains(wanted, name) })
	return o, nil
}
