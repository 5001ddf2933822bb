package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
	"github.com/understudy-conformance/understudy/harness/sandbox/namespace"
)

// sandboxKinds are the words of --sandbox.
var sandboxKinds = []string{"auto", "docker", "namespace"}

// kind is a kind of sandbox. possible answers quickly whether this machine offers it; make
// takes the folder of the helper commands.
type kind struct {
	name     string
	possible func(context.Context) error
	make     func(bin string) sandbox.Backend
}

// backendConfig is what both kinds need to know.
type backendConfig struct {
	runID    string
	cache    *cache.Folder
	manifest implementation.Manifest
	bring    string    // folder for sandbox.Brought, "" for none
	buildLog io.Writer // gets what "docker build" prints
}

// kinds lists the kinds of sandbox that a word of --sandbox stands for, the preferred one first.
func kinds(word string, c backendConfig) ([]kind, error) {
	inDocker := func(bin string) *docker.Backend {
		return docker.New(docker.Options{RunID: c.runID, Commands: bin, Manifest: c.manifest, Bring: c.bring, Log: c.buildLog})
	}
	all := []kind{
		{"docker", inDocker("").Obtainable, func(bin string) sandbox.Backend { return inDocker(bin) }},
		{"namespace", func(context.Context) error { return namespace.Available() }, func(bin string) sandbox.Backend {
			return namespace.New(namespace.Config{Bin: bin, Manifest: c.manifest, Bring: c.bring, Cache: c.cache.Dir()})
		}},
	}
	if word == "auto" {
		return all, nil
	}
	for _, k := range all {
		if k.name == word {
			return []kind{k}, nil
		}
	}
	return nil, usage("--sandbox %s: use %s", word, strings.Join(sandboxKinds, ", "))
}

// open prepares sandboxes of the kind that a word of --sandbox stands for; provide returns the folder of the helper commands, when they are needed.
// What "docker build" prints goes to a file in the cache, which is made when the first build prints, and which a failure names.
func open(ctx context.Context, word string, c backendConfig, provide func() (string, error), progress sandbox.Progress) (sandbox.Backend, error) {
	log := &lateFile{cache: c.cache, name: "docker-build.log"}
	defer log.Close()
	c.buildLog = log
	wanted, err := kinds(word, c)
	if err != nil {
		return nil, err
	}
	backend, err := openBackend(ctx, wanted, provide, progress)
	if errors.Is(err, docker.ErrBuild) {
		err = fmt.Errorf("%w\nwhole log: %s", err, filepath.Join(c.cache.Dir(), log.name))
	}
	return backend, err
}

// openBackend returns the first of the kinds that can be had, prepared. provide is called once a kind
// seems possible, since compiling may take minutes. When none can be had, the error lists what was tried and how to get each.
func openBackend(ctx context.Context, all []kind, provide func() (bin string, err error), progress sandbox.Progress) (sandbox.Backend, error) {
	var tried []error
	var bin string
	for i, k := range all {
		b, err := func() (sandbox.Backend, error) {
			if err := k.possible(ctx); err != nil {
				return nil, err
			}
			if bin == "" {
				var err error
				if bin, err = provide(); err != nil {
					return nil, err
				}
			}
			b := k.make(bin)
			if err := b.Prepare(ctx, progress); err != nil {
				return nil, errors.Join(err, b.Close())
			}
			return b, nil
		}()
		if err == nil {
			return b, nil
		}
		// What cannot be had or made leaves the next kind, if there is one.
		elsewhere := errors.Is(err, sandbox.ErrUnavailable) || errors.Is(err, sandbox.ErrProvision) || errors.Is(err, docker.ErrBuild)
		if ctx.Err() != nil || !elsewhere {
			return nil, err
		}
		if i < len(all)-1 && !errors.Is(err, sandbox.ErrUnavailable) {
			progress(fmt.Sprintf("no %s sandbox: %s", k.name, firstLine(err.Error())))
		}
		tried = append(tried, err)
	}
	var reasons []string
	for _, err := range tried {
		reasons = append(reasons, strings.TrimSuffix(err.Error(), ": "+sandbox.ErrUnavailable.Error()))
	}
	return nil, incomplete("no sandbox is possible here:\n%s", strings.Join(reasons, "\n"))
}

// lateFile is a file of the cache that is made anew when something is written to it.
type lateFile struct {
	cache *cache.Folder
	name  string
	file  *os.File
}

func (l *lateFile) Write(p []byte) (n int, err error) {
	if l.file == nil {
		if l.file, err = l.cache.Create(l.name); err != nil {
			return 0, fmt.Errorf("open the log of image builds: %w", err)
		}
	}
	return l.file.Write(p)
}

func (l *lateFile) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
