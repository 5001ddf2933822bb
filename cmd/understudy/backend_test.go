package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/commands"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
	"github.com/understudy-conformance/understudy/harness/verdict"
)

// pretended is a backend that only prepares, or fails to.
type pretended struct {
	name   string
	err    error
	closed *[]string
}

func (p pretended) Name() string                                    { return p.name }
func (p pretended) Prepare(context.Context, sandbox.Progress) error { return p.err }
func (p pretended) Start(context.Context, []byte) (sandbox.Process, error) {
	return nil, errors.ErrUnsupported
}
func (p pretended) Environment() map[string]string { return nil }
func (p pretended) Close() error                   { *p.closed = append(*p.closed, p.name); return nil }

func TestFirstPossibleSandboxIsTaken(t *testing.T) {
	missing := fmt.Errorf("no engine: start one: %w", sandbox.ErrUnavailable)
	unbuilt := fmt.Errorf("apt failed: %w", docker.ErrBuild)
	unmade := fmt.Errorf("apt failed: %w", sandbox.ErrProvision)
	broken := errors.New("disk full")
	for _, c := range []struct {
		name                string
		possible1, prepare1 error
		possible2, prepare2 error
		provide             error
		want                string // name of the backend, "" for none
		code                int
		provided            int
		closed              []string
	}{
		{name: "first", want: "one", provided: 1},
		{name: "first impossible", possible1: missing, want: "two", provided: 1},
		{name: "image not built", prepare1: unbuilt, want: "two", provided: 1, closed: []string{"one"}},
		{name: "none possible", possible1: missing, possible2: missing, code: verdict.ExitIncomplete},
		{name: "none made", prepare1: unbuilt, prepare2: unmade, code: verdict.ExitIncomplete, provided: 1, closed: []string{"one", "two"}},
		{name: "our fault", prepare1: broken, code: verdict.ExitHarness, provided: 1, closed: []string{"one"}},
		{name: "no commands", provide: commands.ErrAbsent, code: verdict.ExitIncomplete, provided: 1},
		{name: "commands do not compile", provide: commands.ErrBuild, code: verdict.ExitHarness, provided: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var closed []string
			provided := 0
			make := func(name string, possible, prepare error) kind {
				return kind{name, func(context.Context) error { return possible }, func(bin string) sandbox.Backend {
					if bin != "bin" {
						t.Errorf("commands in %q", bin)
					}
					return pretended{name, prepare, &closed}
				}}
			}
			all := []kind{make("one", c.possible1, c.prepare1), make("two", c.possible2, c.prepare2)}
			b, err := openBackend(t.Context(), all, func() (string, error) { provided++; return "bin", c.provide }, func(string) {})
			got := ""
			if b != nil {
				got = b.Name()
			}
			if got != c.want || exitCode(err) != c.code || provided != c.provided {
				t.Errorf("got %q, %v (exit %d), commands asked for %d times; want %q, exit %d, %d times", got, err, exitCode(err), provided, c.want, c.code, c.provided)
			}
			if diff := cmp.Diff(c.closed, closed); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImpossibleSandboxesAreAllListed(t *testing.T) {
	refuse := func(name string) kind {
		return kind{name, func(context.Context) error {
			return fmt.Errorf("%s: remedy of %s: %w", name, name, sandbox.ErrUnavailable)
		}, nil}
	}
	_, err := openBackend(t.Context(), []kind{refuse("one"), refuse("two")}, nil, nil)
	for _, want := range []string{"remedy of one", "remedy of two"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestKindsOfSandbox(t *testing.T) {
	for word, want := range map[string][]string{"auto": {"docker", "namespace"}, "docker": {"docker"}, "namespace": {"namespace"}, "vm": nil, "": nil} {
		all, err := kinds(word, backendConfig{})
		var got []string
		for _, k := range all {
			got = append(got, k.name)
		}
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("--sandbox %q: %v (-want +got):\n%s", word, err, diff)
		}
	}
}

func TestLogOfBuildsIsMadeWhenSomethingIsBuilt(t *testing.T) {
	dir := t.TempDir()
	cached, err := cache.Open(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "docker-build.log")
	_, err = open(t.Context(), "vm", backendConfig{cache: cached}, nil, func(string) {})
	if _, made := os.Stat(log); exitCode(err) != verdict.ExitUsage || made == nil {
		t.Errorf("%v; the log is there: %v", err, made == nil)
	}
	late := lateFile{cache: cached, name: "docker-build.log"}
	if _, err := late.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(log); string(text) != "x" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := late.Close(); err != nil {
		t.Error(err)
	}
	below := lateFile{cache: cached, name: "docker-build.log/below"}
	if _, err := below.Write([]byte("x")); exitCode(err) != verdict.ExitUsage {
		t.Errorf("a log that cannot be made: %v", err)
	}
}
