package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
	"github.com/understudy-conformance/understudy/harness/sandbox/namespace"
)

// sandboxKinds are the words of --sandbox.
var sandboxKinds = []string{"auto", "docker", "namespace"}

// backendConfig is what both kinds of backend need.
type backendConfig struct {
	runID, bin, cache string
	manifest          implementation.Manifest
	buildLog          io.Writer // gets what "docker build" prints
}

// candidate is a kind of sandbox that may be possible here.
type candidate struct {
	sandbox.Backend
	possible func(context.Context) error // answers quickly
}

// candidates lists the backends that a kind stands for, the preferred one first.
func candidates(kind string, c backendConfig) ([]candidate, error) {
	inDocker := docker.New(docker.Options{RunID: c.runID, Commands: c.bin, Manifest: c.manifest, Log: c.buildLog})
	inNamespace := namespace.New(namespace.Config{Bin: c.bin, Manifest: c.manifest, Cache: c.cache})
	all := map[string]candidate{
		"docker":    {inDocker, inDocker.Obtainable},
		"namespace": {inNamespace, func(context.Context) error { return namespace.Available() }},
	}
	if kind == "auto" {
		return []candidate{all["docker"], all["namespace"]}, nil
	}
	if one, known := all[kind]; known {
		return []candidate{one}, nil
	}
	return nil, usage("--sandbox %s: use %s", kind, strings.Join(sandboxKinds, ", "))
}

// prepare returns the first of the candidates that is possible, prepared. When there is none, the error
// lists what was tried, and how to get each.
func prepare(ctx context.Context, all []candidate, progress sandbox.Progress) (sandbox.Backend, error) {
	var tried []error
	for i, c := range all {
		err := c.possible(ctx)
		if err == nil {
			err = c.Prepare(ctx, progress)
		}
		if err == nil {
			return c.Backend, nil
		}
		err = errors.Join(err, c.Close())
		// An image or layer that cannot be had leaves the next kind of sandbox, if there is one.
		last := i == len(all)-1
		missing := errors.Is(err, sandbox.ErrUnavailable)
		unmade := errors.Is(err, sandbox.ErrProvision) || errors.Is(err, docker.ErrBuild)
		if ctx.Err() != nil || !missing && !unmade {
			return nil, err
		}
		if !last {
			progress(fmt.Sprintf("no %s sandbox: %s", c.Name(), firstLine(err.Error())))
		}
		tried = append(tried, err)
	}
	return nil, incomplete("no sandbox is possible here:\n%w", errors.Join(tried...))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
