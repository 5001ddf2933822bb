package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/internal/apart"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(apart.Tests{M: m}, map[string]func(){"understudy": main, "measured": measured})
}

// noEngine is a DOCKER_HOST at which none answers: what "understudy clean" removes on the
// machine of whoever runs the tests is none of theirs.
func noEngine(dir string) string { return "unix://" + filepath.Join(dir, "no-engine.sock") }

// TestScripts plays testdata/script. Besides testscript's commands there is
//
//	exits CODE COMMAND...    runs a command that must end with exactly this code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("DOCKER_HOST", noEngine(env.WorkDir))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func TestHelpTeaches(t *testing.T) {
	for _, cmd := range append(rootCommand().Commands(), rootCommand()) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s lacks a short text or an example", cmd.CommandPath())
		}
	}
	var out, problems bytes.Buffer
	for _, args := range [][]string{{"help"}, {"run", "--help"}, {"list", "--help"}, {"explain", "--help"}, {"report", "--help"}, {"check", "--help"}, {"shell", "--help"}, {"clean", "--help"}} {
		if code := execute(args, &out, &problems); code != 0 || problems.Len() > 0 {
			t.Fatalf("%q: exit code %d: %s", args, code, &problems)
		}
		out.WriteString("----\n")
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("help changed; -update accepts it (-want +got):\n%s", diff)
	}
}

func TestErrorsHaveTheirExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{usage("bad"), 2},
		{plan.ErrFilter, 2},
		{plan.ErrSelection, 2},
		{incomplete("nothing here"), 3},
		{sandbox.ErrUnavailable, 3},
		{sandbox.ErrProvision, 3},
		{commands.ErrAbsent, 3},
		{run.ErrNoSandbox, 3},
		{errInterrupted, 3},
		{cache.ErrUnwritable, 2},
		{cache.ErrForeign, 2},
		{cache.ErrDamaged, 3},
		{commands.ErrBuild, 4},
		{run.ErrJournal, 4},
		{errors.New("what nobody classified"), 4},
		{&exitError{code: 1}, 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestGravestCodeWins(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0, 1}, 1}, {[]int{1, 3}, 3}, {[]int{3, 2}, 2}, {[]int{2, 4}, 4}, {[]int{1, 0, 3, 2, 4}, 4},
	} {
		if got := gravest(c.codes...); got != c.want {
			t.Errorf("%v: %d, want %d", c.codes, got, c.want)
		}
	}
}
