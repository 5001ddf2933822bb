package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/shell"
	"github.com/understudy-conformance/understudy/images"
)

type shellFlags struct {
	implementation, sandbox, user, bring string
	ptrace                               bool
}

func shellCommand() *cobra.Command {
	var f shellFlags
	cmd := &cobra.Command{
		Use:   "shell [flags] [--] [COMMAND ARGS...]",
		Short: "Run a command in a sandbox of an implementation",
		Long: `Makes a sandbox as "run" does: the implementation installed, the accounts
airflow, alice, bob, carol, randomuser and airflowuser, airflow with the right
to become anybody by sudo, and no network but the loopback. Runs COMMAND in /,
and ends the sandbox with everything in it when COMMAND ends. Nothing that was
changed inside is kept.

Without COMMAND it is an interactive bash. Where standard input and output are
a terminal COMMAND gets one, else pipes.

COMMAND is behind the same walls as an implementation: Docker's default
capabilities without MKNOD, no mounts, no namespaces, no keyrings. --ptrace lets
root look into the processes of other accounts, and trace them: for measuring
and looking around, and for no run of an implementation.

  /understudy/bin             the reference commands and understudy-worker
  /understudy/implementation  the folder of the manifest
  /understudy/brought         a copy of --bring, read only

The exit code is that of COMMAND, 128 and the number if a signal ended it, 127
if there is no such command. Otherwise, with a message: 2 for a flag or manifest
that cannot be used, 3 where no sandbox is possible, 4 for our own faults.`,
		Example: `  understudy shell                                  # look around as root
  understudy shell --user airflow -- sudo -n -l     # what the policy permits
  understudy shell --user alice -- id               # one command as alice
  understudy shell --user airflow -- sudo -n -u alice cat /proc/self/status
  understudy shell --implementation airflow -- /opt/airflow/bin/python -V
  go test -c -o tests/ ./my/package && understudy shell --bring tests -- /understudy/brought/package.test`,
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags behind COMMAND are its own
	flags.StringVar(&f.implementation, "implementation", images.Reference, "manifest, its folder, or the name of a built-in implementation")
	flags.StringVar(&f.sandbox, "sandbox", "auto", "auto, docker or namespace")
	flags.StringVar(&f.user, "user", "root", "account that runs COMMAND: "+strings.Join(account.Names(), ", ")+", or a user id, without further groups")
	flags.StringVar(&f.bring, "bring", "", "folder to be copied to "+sandbox.Brought)
	flags.BoolVar(&f.ptrace, "ptrace", false, "give COMMAND the capability SYS_PTRACE where it is root")
	completePath(cmd, "implementation", images.Names())
	complete(cmd, "sandbox", sandboxKinds)
	complete(cmd, "user", account.Names())
	return cmd
}

func (f shellFlags) run(cmd *cobra.Command, argv []string) error {
	if err := f.check(); err != nil {
		return err
	}
	terminal := ""
	if term.IsTerminal(os.Stdin.Fd()) && term.IsTerminal(os.Stdout.Fd()) {
		terminal = cmp.Or(os.Getenv("TERM"), "dumb")
	}
	if len(argv) == 0 {
		argv = []string{"/bin/bash"}
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	progress := progressOn(cmd)
	cached, err := cacheFolder(progress)
	if err != nil {
		return err
	}
	defer cached.Close()
	manifest, err := loadImplementation(ctx, f.implementation, cached)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	backend, err := open(ctx, f.sandbox, backendConfig{runID: runID(), cache: cached, manifest: manifest, bring: f.bring},
		func() (string, error) { return commands.Provide(ctx, cached, progress) }, progress)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer backend.Close()
	if f.ptrace {
		progress("--ptrace: root inside may look into all processes of the sandbox, init and worker included")
	}
	code, err := execIn(ctx, cmd, backend, plan.Plan{
		Schema: journal.Schema, Manifest: manifest, Bin: sandbox.Bin, Implementation: sandbox.Implementation, Sandbox: backend.Name(),
		Exec: &plan.Exec{Argv: argv, User: f.user, Terminal: terminal, Ptrace: f.ptrace},
	})
	if err != nil {
		return interruptedOr(ctx, err)
	}
	return &exitError{code: code}
}

// check settles what can be settled before a sandbox starts.
func (f shellFlags) check() error {
	if uid, err := strconv.ParseUint(f.user, 10, 31); !slices.Contains(account.Names(), f.user) && (err != nil || uid == 0) {
		return usage("--user %s: use %s, or a user id", f.user, strings.Join(account.Names(), ", "))
	}
	if f.bring != "" {
		if info, err := os.Stat(f.bring); err != nil {
			return usage("--bring: %w", err)
		} else if !info.IsDir() {
			return usage("--bring %s: not a folder", f.bring)
		}
	}
	return nil
}

// execIn starts a sandbox with the plan and connects it with this command's own input and output.
func execIn(ctx context.Context, cmd *cobra.Command, backend sandbox.Backend, p plan.Plan) (int, error) {
	line, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("write the plan: %w", err)
	}
	process, err := backend.Start(ctx, append(line, '\n'))
	if err != nil {
		return 0, incomplete("%w", err)
	}
	streams := shell.Streams{Input: cmd.InOrStdin(), Output: raw(cmd.OutOrStdout()), Errors: raw(cmd.ErrOrStderr())}
	if p.Exec.Terminal != "" {
		sizes, restore, err := rawTerminal(ctx)
		if err != nil {
			return 0, errors.Join(err, process.Kill(), process.Wait())
		}
		defer restore()
		streams.Sizes = sizes
	}
	code, err := shell.Attach(ctx, process, streams)
	if errors.Is(err, shell.ErrLost) {
		err = incomplete("%w", err)
	}
	return code, err
}

// rawTerminal hands every key to the sandbox, and tells each size of the terminal.
func rawTerminal(ctx context.Context) (sizes <-chan shell.Size, restore func(), err error) {
	fd := os.Stdin.Fd()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	changed <- syscall.SIGWINCH // the first size
	told := make(chan shell.Size)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			columns, rows, err := term.GetSize(fd)
			if err != nil {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case told <- shell.Size{Rows: uint16(rows), Columns: uint16(columns)}:
			}
		}
	}()
	return told, func() {
		cancel()
		signal.Stop(changed)
		_ = term.Restore(fd, before) // nothing can be done about it
	}, nil
}
