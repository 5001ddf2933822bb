package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/mutant"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/timing"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/images"
	"github.com/understudy-conformance/understudy/scenarios"
)

// everyOther is the value of --others with which no case is left out.
const everyOther = -1

type selftestFlags struct {
	sandbox, out  string
	procs, others int
	sample        int
	suggestions   bool
}

func selftestCommand() *cobra.Command {
	var f selftestFlags
	cmd := &cobra.Command{
		Use:   "selftest [MUTANT...]",
		Short: "Prove that the scenarios notice a wrong reference",
		Long: `Builds each mutant of scenarios/mutants, an edit that makes the reference wrong
on purpose, and plays all cases against it. Exactly the cases that its file
lists must be violated, at a check of the clause that it names, and all others
must hold. Needs a checkout and Go. A mutant
whose file names a manifest is played as that says, and one whose file names a
release of Airflow is judged as that. With --others only so many of those that must
hold are played, each time the same ones, and for each mutant other ones. With
--sample only so many mutants are, each time the same ones.

With --suggestions the red cases are played a second time, with the entries that
the first report suggests as the list of known deviations: each must fit.

Reports of each mutant lie in --out/NAME, and --out/NAME-again. Exit 0: every
colour is as listed; 1: a mutant was missed, a case turned red that is not
listed, or a suggested entry does not fit; 4: an edit no longer applies, a case
ended otherwise, or the run has a fault of its own.`,
		Example: `  understudy selftest
  understudy selftest skip-the-switch --out /tmp/mutants
  understudy selftest --sample 20 --others 12`,
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			names, err := mutantNames()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(given, name) }), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			if f.procs < 0 {
				return usage("--procs must be at least 0")
			}
			if f.others < everyOther {
				return usage("--others must be at least 0, or -1 for all")
			}
			if f.sample < 0 || f.sample > 0 && len(names) > 0 {
				return usage("--sample must be at least 0, and chooses among all mutants: name some, or say how many")
			}
			return f.run(cmd, names)
		},
	}
	cmd.Flags().StringVar(&f.sandbox, "sandbox", "namespace", "auto, docker or namespace")
	cmd.Flags().IntVar(&f.procs, "procs", 0, "sandboxes at the same time; 0 is two a CPU")
	cmd.Flags().StringVar(&f.out, "out", filepath.Join(reportFolder, selftestFolder), "folder for the reports")
	cmd.Flags().IntVar(&f.sample, "sample", 0, "mutants to be played; 0 is all")
	cmd.Flags().IntVar(&f.others, "others", everyOther, "cases that must hold to be played for each mutant; -1 is all")
	cmd.Flags().BoolVar(&f.suggestions, "suggestions", false, "see whether the entries that are suggested for the list of known deviations fit a second run")
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
	if f.sample > 0 {
		slices.SortFunc(mutants, func(a, b mutant.Mutant) int { return bytes.Compare(digest(a.Name), digest(b.Name)) })
		mutants = mutants[:min(f.sample, len(mutants))]
	}
	code := verdict.ExitConforms
	for _, m := range mutants {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", m.Name, m.Says)
		judged, err := f.try(ctx, cmd, checkout, m)
		if err != nil {
			return interruptedOr(ctx, fmt.Errorf("mutant %s: %w", m.Name, err))
		}
		code = gravest(code, judged)
	}
	return &exitError{code: code}
}

// mutantNames lists what may be named.
func mutantNames() ([]string, error) {
	all, err := mutant.Load(scenarios.Mutants())
	return namesOf(all), err
}

func namesOf(mutants []mutant.Mutant) []string {
	var names []string
	for _, m := range mutants {
		names = append(names, m.Name)
	}
	return names
}

// chosenMutants returns those of the given names, or all.
func chosenMutants(names []string) ([]mutant.Mutant, error) {
	all, err := mutant.Load(scenarios.Mutants())
	if err != nil {
		return nil, err
	}
	known := namesOf(all)
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

// trial is a mutant that is built, and where it is played.
type trial struct {
	selftestFlags
	planned
	mutant  mutant.Mutant
	base    runFlags
	backend sandbox.Backend
}

// try builds the mutant, runs all cases against it, and returns the exit code.
func (f selftestFlags) try(ctx context.Context, cmd *cobra.Command, checkout string, m mutant.Mutant) (code int, err error) {
	progress := progressOn(cmd)
	bin, err := os.MkdirTemp("", "understudy-mutant-")
	if err != nil {
		return 0, fmt.Errorf("folder for the edited commands: %w", err)
	}
	defer os.RemoveAll(bin)
	overlay, err := m.Overlay(checkout, bin)
	if err != nil {
		return 0, err
	}
	if err := commands.Build(ctx, checkout, bin, overlay, progress); err != nil {
		return 0, err
	}

	manifest := images.Reference
	if m.Manifest != "" {
		manifest = filepath.Join(checkout, filepath.FromSlash(m.Manifest))
	}
	t := trial{selftestFlags: f, mutant: m, base: runFlags{implementation: manifest, sandbox: f.sandbox, procs: f.procs, repeat: 1, selection: selection{profile: "all"}}}
	if t.planned, err = t.base.plan(ctx, progress); err != nil {
		return 0, err
	}
	defer t.cache.Close()
	if m.Airflow != "" {
		t.manifest.Airflow = implementation.Airflow{Release: m.Airflow}
	}
	t.backend, err = open(ctx, f.sandbox, backendConfig{runID: runID(), cache: t.cache, manifest: t.manifest}, func() (string, error) { return bin, nil }, progress)
	if err != nil {
		return 0, err
	}
	defer t.backend.Close()
	model, err := t.play(ctx, m.Name, f.selected(m, t.planned.cases), knownDeviations{})
	if err != nil {
		return 0, err
	}
	code = judge(cmd.OutOrStdout(), m, model)
	if !f.suggestions {
		return code, nil
	}
	known, cases, err := suggested(model)
	if err != nil || len(cases) == 0 {
		return code, err
	}
	if model, err = t.play(ctx, m.Name+"-again", cases, known); err != nil {
		return 0, err
	}
	return gravest(code, judgeSuggestions(cmd.OutOrStdout(), model)), nil
}

// selected leaves of the cases those that the mutant lists, and so many others as are
// wanted: which ones, the names of both decide, so that a case added or removed moves no other.
func (f selftestFlags) selected(m mutant.Mutant, cases []plan.Case) []plan.Case {
	if f.others == everyOther {
		return cases
	}
	listed := func(c plan.Case) bool { return m.Lists(c.ID) }
	others := slices.DeleteFunc(slices.Clone(cases), listed)
	slices.SortFunc(others, func(a, b plan.Case) int { return bytes.Compare(digest(m.Name, a.ID), digest(m.Name, b.ID)) })
	played := others[:min(f.others, len(others))]
	return slices.DeleteFunc(slices.Clone(cases), func(c plan.Case) bool {
		return !listed(c) && !slices.ContainsFunc(played, func(p plan.Case) bool { return p.ID == c.ID })
	})
}

func digest(names ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return sum[:]
}

// play runs cases against the mutant and writes reports into a folder of that name.
func (t trial) play(ctx context.Context, name string, cases []plan.Case, known knownDeviations) (model verdict.Model, err error) {
	to, err := openFolder(filepath.Join(t.out, name), "--out")
	if err != nil {
		return model, err
	}
	defer to.close()
	who := t.base.identity(t.planned, runID(), t.backend)
	who.Implementation += ", mutant " + t.mutant.Name
	who.Command = []string{"understudy", "selftest", t.mutant.Name}
	who.Planned = plan.IDs(cases)
	kept, err := begin(to, t.suite, known, who)
	if err != nil {
		return model, err
	}
	defer kept.close()
	var events []journal.Event
	err = run.Run(ctx, run.Options{
		Backend: t.backend, Manifest: t.manifest, Cases: cases, Procs: procs(t.procs, t.manifest.Slowness),
		Measured: timing.Of(t.cache, t.manifest.Name, t.backend.Name()).Last(ctx), // of the reference: the mutant's would be wrong for that
		Identity: who, Journal: kept.writer,
		Watch:    func(e journal.Event) { events = append(events, e) },
		Diagnose: func(number int, text string, _ bool) { kept.keep(number, text) },
		Limits:   run.DefaultLimits(t.manifest.Slowness),
	})
	model = verdict.Build(t.catalogue, t.index, verdict.Collate(slices.Values(events)), known.file, time.Now())
	return model, errors.Join(err, to.publish(model))
}

// judge compares colours, prints what differs, and returns the exit code.
func judge(out io.Writer, m mutant.Mutant, model verdict.Model) int {
	var violated []mutant.Violation
	var played, unable, other []string
	held := 0
	for _, c := range model.Cases {
		played = append(played, c.ID)
		switch outcome := c.Observation.Outcome; {
		case outcome == journal.Violated:
			violated = append(violated, mutant.Violation{Case: c.ID, Clause: c.Observation.Clause, Premise: c.Premise()})
		case outcome == journal.Held:
			held++
		case outcome == journal.CouldNotRun && slices.Contains(m.Unjudged, c.ID):
			unable = append(unable, c.ID)
		case outcome == journal.NotApplicable && !c.Airflow.Holds(model.Airflow): // it is nothing for the release
		default:
			other = append(other, fmt.Sprintf("%s: %s: %s", c.ID, c.Verdict, c.Observation.Says))
		}
	}
	for _, p := range model.Problems {
		other = append(other, p.Text)
	}
	missed, surprising := m.Judge(played, violated, unable)
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
	fmt.Fprintf(out, "  ✓ noticed by %d cases as listed; %d hold\n", len(violated)+len(unable), held)
	return verdict.ExitConforms
}
