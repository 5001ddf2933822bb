package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/catalogue"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/timing"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/images"
)

// errInterrupted is the cause of a context that a signal cancelled.
var errInterrupted = errors.New("interrupted")

// reportFolder is the default of --out.
const reportFolder = "report"

type runFlags struct {
	selection
	implementation, sandbox, expect, out string
	procs, repeat                        int
	keepEvidence                         bool
	shard                                shard
}

func runCommand() *cobra.Command { return runCommandOf(new(runFlags)) }

func runCommandOf(f *runFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Test an implementation and write reports",
		Long: `Starts sandboxes, plays the selected cases against the implementation in them,
and writes index.html, result.json, junit.xml and events.jsonl into --out.

--implementation is the path of an implementation.yaml, of its folder, or the
name of a built-in one: ` + strings.Join(images.Names(), ", ") + `.

--sandbox auto takes Docker if an engine answers and the image is there or can
be built, otherwise Linux namespaces, which need root. Neither changes this
machine. The first run compiles and downloads; later runs take both from the
cache.

--shard 2/3 plays the second of three fixed parts of what is selected, the same
on every machine. "understudy report --out all/ DIR..." makes one report of the
three, and says when one is missing.`,
		Example: `  understudy run
  understudy run --implementation my/implementation.yaml --role runner,worker
  understudy run --filter IMP-003,LIFE --profile upstream
  understudy run --filter '*/worker/*,!LIFE' --procs 4
  understudy run --shard 1/3 --out shard-1
  sudo understudy run --sandbox namespace --out /tmp/report`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.implementation, "implementation", images.Reference, "manifest, its folder, or the name of a built-in implementation")
	flags.StringVar(&f.sandbox, "sandbox", "auto", "auto, docker or namespace")
	flags.IntVar(&f.procs, "procs", 0, "sandboxes at the same time; 0 is two a CPU, one for slow implementations")
	flags.IntVar(&f.repeat, "repeat", 1, "play every case so many times; verdicts that differ are flaky")
	flags.StringVar(&f.expect, "expect", "", "list of known deviations in place of the manifest's")
	flags.Var(&f.shard, "shard", "play only the i-th of n fixed parts of the selected cases")
	flags.BoolVar(&f.keepEvidence, "keep-evidence", false, "keep the diagnostics of every sandbox in --out, not only of those that failed")
	flags.StringVar(&f.out, "out", "", "folder for reports and journal, \"report\" by default, for a part of the cases \"report/selected\"; what it holds of an earlier run is replaced")
	completePath(cmd, "implementation", images.Names())
	complete(cmd, "sandbox", sandboxKinds)
	complete(cmd, "shard", []string{"1/2", "2/2", "1/3", "2/3", "3/3"})
	return cmd
}

// procs resolves --procs. Cases of a quick implementation mostly wait, for one
// process or another and for kill steps, so two sandboxes share a CPU; those of a
// slow one compute.
func procs(wanted int, slowness float64) int {
	switch {
	case wanted > 0:
		return wanted
	case slowness > 1:
		return min(4, runtime.NumCPU())
	}
	return min(8, 2*runtime.NumCPU())
}

// planned is everything that is settled before a sandbox starts.
type planned struct {
	suite
	manifest implementation.Manifest
	roles    []role.Role
	profile  catalogue.Profile
	cases    []plan.Case // of the shard
	digest   string      // of the cases of all shards
	known    knownDeviations
	cache    *cache.Folder
}

func (f runFlags) plan(ctx context.Context, progress sandbox.Progress) (p planned, err error) {
	if f.procs < 0 || f.repeat < 1 {
		return p, usage("--procs must be at least 0, and --repeat at least 1")
	}
	if p.cache, err = cacheFolder(progress); err != nil {
		return p, err
	}
	if p.suite, err = loadSuite(); err != nil {
		return p, err
	}
	if p.manifest, err = loadImplementation(ctx, f.implementation, p.cache); err != nil {
		return p, err
	}
	if p.roles, err = f.chosenRoles(p.manifest.Plays(), p.manifest.Name); err != nil {
		return p, err
	}
	if p.profile, err = f.chosen(); err != nil {
		return p, err
	}
	if p.cases, err = f.cases(p.suite, p.roles); err != nil {
		return p, err
	}
	p.digest = plan.Digest(p.catalogue.Version(), plan.IDs(p.cases))
	p.cases = f.shard.Take(p.cases)
	if p.known, err = readKnown(f.expect, p.manifest); err != nil {
		return p, err
	}
	return p, covering(p.known, p.index)
}

func (f runFlags) run(cmd *cobra.Command) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	progress := progressOn(cmd)
	p, err := f.plan(ctx, progress)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer p.cache.Close()
	to, err := openFolder(f.folder(), "--out")
	if err != nil {
		return err
	}
	defer to.close()
	id := runID()
	provide := func() (string, error) { return commands.Provide(ctx, p.cache, progress) }
	backend, err := open(ctx, f.sandbox, backendConfig{runID: id, cache: p.cache, manifest: p.manifest}, provide, progress)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer backend.Close()
	return f.play(ctx, cmd, p, backend, f.identity(p, id, backend), to)
}

// folder is where the run is recorded. A part of the cases does not replace the report on all.
func (f runFlags) folder() string {
	switch {
	case f.out != "":
		return f.out
	case f.selection.part() || f.shard.Of > 0:
		return filepath.Join(reportFolder, selectedFolder)
	}
	return reportFolder
}

// identity is what every artefact of the run carries.
func (f runFlags) identity(p planned, id string, backend sandbox.Backend) journal.Identity {
	suite, commit := suiteVersion()
	who := journal.Identity{
		RunID: id, Suite: suite, Commit: commit, Catalogue: p.catalogue.Version(),
		Implementation: p.manifest.Name, Roles: p.roles, Sandbox: backend.Name(), Filter: f.filter,
		Command: append([]string{"understudy"}, os.Args[1:]...),
		Planned: plan.IDs(p.cases),
	}
	if f.shard.Of > 0 {
		who.Shard = &journal.Shard{Index: f.shard.Index, Of: f.shard.Of, Plan: p.digest}
	}
	if f.implementation != images.Reference {
		who.Manifest = f.implementation
	}
	return who
}

// play runs the cases, and writes reports whatever came of it.
func (f runFlags) play(ctx context.Context, cmd *cobra.Command, p planned, backend sandbox.Backend, who journal.Identity, to *folder) error {
	kept, err := begin(to, p.suite, p.known, who)
	if err != nil {
		return err
	}
	defer kept.close()
	screen, live := newConsole(cmd.OutOrStdout()), verdict.Follow(p.catalogue, p.index, p.known.file)
	times := timing.Of(p.cache, p.manifest.Name, backend.Name())
	played := run.Run(ctx, run.Options{
		Backend: backend, Manifest: p.manifest, Cases: p.cases, Measured: times.Last(ctx), Procs: procs(f.procs, p.manifest.Slowness), Repeat: f.repeat,
		Identity: who, Journal: kept.writer,
		Watch: func(e journal.Event) {
			times.See(e)
			screen.Show(live.See(e))
		},
		Diagnose: func(number int, text string, abnormal bool) {
			if abnormal || f.keepEvidence {
				kept.keep(number, text)
			}
		},
		Limits: run.DefaultLimits(p.manifest.Slowness),
	})
	held, err := kept.held()
	if err != nil {
		return errors.Join(played, err)
	}
	code, err := render(to, held, p.suite, p.known, p.profile, screen)
	_ = times.Keep(context.WithoutCancel(ctx)) // no measurement is no fault of a run
	failed := errors.Join(played, err)
	return &exitError{code: gravest(code, exitCode(played), exitCode(err)), err: failed}
}

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP cancels.
// A second SIGINT or SIGTERM has its usual effect, and the sandboxes end with this
// process; SIGHUP has not, since a terminal that closes may send it twice, nor has
// it any where it was ignored from the beginning, as by nohup.
func interruptible(cmd *cobra.Command) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	asked, closed := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(closed, syscall.SIGHUP)
	}
	unpiped := withoutPipes()
	go func() {
		select {
		case <-asked:
		case <-closed:
		case <-ctx.Done():
			return
		}
		signal.Stop(asked)
		fmt.Fprintln(cmd.ErrOrStderr(), "· interrupted: ending what runs; once more leaves at once")
		cancel(errInterrupted)
	}()
	return ctx, func() {
		signal.Stop(asked)
		signal.Stop(closed)
		unpiped()
		cancel(nil)
	}
}

// withoutPipes lets the command outlive the reader of its output ("| head"): what is
// written then is lost, and nothing else. The signal is caught and not ignored, as
// what is ignored stays so in the programs that are started.
func withoutPipes() (stop func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return func() { signal.Stop(broken) }
}

func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func runID() string {
	var text [6]byte
	rand.Read(text[:])
	return hex.EncodeToString(text[:])
}
