package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/mutant"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/images"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/scenarios"
)

type selftestFlags struct {
	sandbox, out string
	procs        int
}

func selftestCommand() *cobra.Command {
	var f selftestFlags
	cmd := &cobra.Command{
		Use:   "selftest [MUTANT...]",
		Short: "Prove that the scenarios notice a wrong reference",
		Long: `Builds each mutant of scenarios/mutants, an edit that makes the reference wrong
on purpose, and plays all cases against it. Exactly the cases that its file
lists must be violated, and all others must hold. Needs a checkout and Go.

Reports of each mutant lie in --out/NAME. Exit 0: every colour is as listed;
1: a mutant was missed, or a case turned red that is not listed; 4: an edit no
longer applies, a case ended otherwise, or the run has a fault of its own.`,
		Example: `  understudy selftest
  understudy selftest skip-the-switch --out /tmp/mutants`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if f.procs < 0 {
				return usage("--procs must be at least 0")
			}
			return f.run(cmd, names)
		},
	}
	cmd.Flags().StringVar(&f.sandbox, "sandbox", "namespace", "auto, docker or namespace")
	cmd.Flags().IntVar(&f.procs, "procs", 0, "sandboxes at the same time; 0 is two a CPU")
	cmd.Flags().StringVar(&f.out, "out", "report/selftest", "folder for the reports")
	complete(cmd, "sandbox", sandboxKinds)
	return cmd
}

func (f selftestFlags) run(cmd *cobra.Command, names []string) error {
	mutants, err := chosenMutants(names)
	if err != nil {
		return err
	}
	checkout, err := commands.Checkout()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	code := verdict.ExitConforms
	for _, m := range mutants {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", m.Name, m.Says)
		model, err := f.play(ctx, cmd, checkout, m)
		if err != nil {
			return interruptedOr(ctx, fmt.Errorf("mutant %s: %w", m.Name, err))
		}
		code = gravest(code, judge(cmd.OutOrStdout(), m, model))
	}
	return &exitError{code: code}
}

// chosenMutants returns those of the given names, or all.
func chosenMutants(names []string) ([]mutant.Mutant, error) {
	all, err := mutant.Load(scenarios.Mutants())
	if err != nil {
		return nil, err
	}
	known := make([]string, len(all))
	for i, m := range all {
		known[i] = m.Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usage("unknown mutant %q: use %s", name, strings.Join(known, ", "))
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(m mutant.Mutant) bool { return !slices.Contains(names, m.Name) }), nil
}

// play builds the mutant and runs all cases against it.
func (f selftestFlags) play(ctx context.Context, cmd *cobra.Command, checkout string, m mutant.Mutant) (model verdict.Model, err error) {
	progress := progressOn(cmd)
	bin, err := os.MkdirTemp("", "understudy-mutant-")
	if err != nil {
		return model, fmt.Errorf("folder for the edited commands: %w", err)
	}
	defer os.RemoveAll(bin)
	overlay, err := m.Overlay(checkout, bin)
	if err != nil {
		return model, err
	}
	if err := commands.Build(ctx, checkout, bin, overlay, progress); err != nil {
		return model, err
	}

	base := runFlags{implementation: images.Reference, sandbox: f.sandbox, procs: f.procs, repeat: 1, selection: selection{profile: "all"}}
	p, err := base.plan(ctx, progress)
	if err != nil {
		return model, err
	}
	defer p.cache.Close()
	id := runID()
	backend, err := open(ctx, f.sandbox, backendConfig{runID: id, cache: p.cache, manifest: p.manifest}, func() (string, error) { return bin, nil }, progress)
	if err != nil {
		return model, err
	}
	defer backend.Close()

	record, err := openRecord(filepath.Join(f.out, m.Name), p.known)
	if err != nil {
		return model, err
	}
	defer record.close()
	who := base.identity(p, id, backend)
	who.Implementation += ", mutant " + m.Name
	who.Command = []string{"understudy", "selftest", m.Name}
	var events []journal.Event
	err = run.Run(ctx, run.Options{
		Backend: backend, Manifest: p.manifest, Cases: p.cases, Procs: procs(f.procs, p.manifest.Slowness), Identity: who, Journal: record.journal,
		Watch:    func(e journal.Event) { events = append(events, e) },
		Diagnose: func(number int, text string, _ bool) { record.keep(number, text) },
		Limits:   run.DefaultLimits(p.manifest.Slowness),
	})
	model = verdict.Build(p.catalogue, p.index, verdict.Collate(slices.Values(events)), nil, time.Now())
	_, reportErr := reports.Write(record.dir, model)
	return model, errors.Join(err, reportErr)
}

// judge compares colours, prints what differs, and returns the exit code.
func judge(out io.Writer, m mutant.Mutant, model verdict.Model) int {
	var violated, other []string
	held := 0
	for _, c := range model.Cases {
		switch c.Observation.Outcome {
		case journal.Violated:
			violated = append(violated, c.ID)
		case journal.Held:
			held++
		default:
			other = append(other, fmt.Sprintf("%s: %s: %s", c.ID, c.Verdict, c.Observation.Says))
		}
	}
	for _, p := range model.Problems {
		other = append(other, p.Text)
	}
	missed, surprising := m.Judge(violated)
	for _, id := range missed {
		fmt.Fprintf(out, "  ✕ %s should have noticed, and did not\n", id)
	}
	for _, id := range surprising {
		fmt.Fprintf(out, "  ✕ %s is red, and not listed\n", id)
	}
	for _, text := range other {
		fmt.Fprintf(out, "  ✕ %s\n", text)
	}
	switch {
	case len(other) > 0:
		return verdict.ExitHarness
	case len(missed)+len(surprising) > 0:
		return verdict.ExitViolated
	}
	fmt.Fprintf(out, "  ✓ noticed by %d cases as listed; %d hold\n", len(violated), held)
	return verdict.ExitConforms
}
