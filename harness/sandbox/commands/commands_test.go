package commands

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// checkout makes a source tree that looks like ours and compiles in a moment.
func checkout(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module " + Module + "\n\ngo 1.26\n"}
	for _, name := range sandbox.Commands {
		files["cmd/"+name+"/main.go"] = program
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func quiet(string) {}

func TestBuildMakesAllCommands(t *testing.T) {
	dest := t.TempDir()
	if err := Build(t.Context(), checkout(t, "package main\n\nfunc main() {}\n"), dest, "", quiet); err != nil {
		t.Fatal(err)
	}
	for _, name := range sandbox.Commands {
		if info, err := os.Stat(filepath.Join(dest, name)); err != nil || info.Mode()&0o100 == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// "go build" takes a program for current by the first octets of it.
func TestDamagedCommandIsBuiltAgain(t *testing.T) {
	source, dir := checkout(t, "package main\n\nfunc main() {}\n"), t.TempDir()
	build := func() (bin string, said []string) {
		cached, err := cache.Open(dir, func(text string) { said = append(said, text) })
		if err != nil {
			t.Fatal(err)
		}
		defer cached.Close()
		if bin, err = provide(t.Context(), cached, source, quiet); err != nil {
			t.Fatal(err)
		}
		return bin, said
	}
	bin, _ := build()
	program := filepath.Join(bin, sandbox.Commands[0])
	whole, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if _, said := build(); len(said) > 0 {
		t.Errorf("the second time: said %q", said)
	}
	if err := os.Truncate(program, whole.Size()/2); err != nil {
		t.Fatal(err)
	}
	_, said := build()
	if len(said) != 1 || !strings.Contains(said[0], "helper commands are damaged") {
		t.Errorf("said %q", said)
	}
	if now, err := os.Stat(program); err != nil || now.Size() != whole.Size() {
		t.Errorf("the command has %d octets, %d were built: %v", now.Size(), whole.Size(), err)
	}
}

func TestCompilerMessagesAreInTheError(t *testing.T) {
	err := Build(t.Context(), checkout(t, "package main\n\nfunc main() { undefinedName() }\n"), t.TempDir(), "", quiet)
	if !errors.Is(err, ErrBuild) || !strings.Contains(err.Error(), "undefined: undefinedName") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptedBuildSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Build(ctx, checkout(t, "package main\n\nfunc main() {}\n"), t.TempDir(), "", quiet)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutGoTheRemedyIsNamed(t *testing.T) {
	dir := checkout(t, "package main\n\nfunc main() {}\n")
	t.Setenv("PATH", t.TempDir())
	err := Build(t.Context(), dir, t.TempDir(), "", quiet)
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("got %v", err)
	}
}

func TestPackagesAreCountedAndMessagesKept(t *testing.T) {
	var compiled atomic.Int64
	got := read(strings.NewReader("fmt\ngithub.com/onsi/ginkgo/v2\n# example\nmain.go:3:2: undefined: x\ngo: downloading a v1\n\n"), &compiled)
	want := "# example\nmain.go:3:2: undefined: x\ngo: downloading a v1\n"
	if diff := cmp.Diff(want, got); diff != "" || compiled.Load() != 2 {
		t.Errorf("%d packages, messages (-want +got):\n%s", compiled.Load(), diff)
	}
}

func TestThisCheckoutIsFound(t *testing.T) {
	dir, err := Checkout()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "harness", "sandbox", "commands", "commands.go")); err != nil {
		t.Error(err)
	}
}
