package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Images that a Dockerfile gets as BASE: the first one where it is present (ci/setup/base
// makes it without a registry), else the second.
const (
	LocalBase    = "understudy/base:trixie"
	RegistryBase = "debian:trixie-slim"
)

// imageFormat changes when images of earlier versions can no longer be used.
const imageFormat = "1"

// registryLimit is how long the engine may take to ask a registry for a name.
const registryLimit = 10 * time.Second

// base is what a Dockerfile builds on.
type base struct {
	name string
	id   string // content address; "" when the engine does not have it yet
}

func (b base) String() string {
	if b.id == "" {
		return b.name
	}
	return b.name + " " + b.id
}

// findBase returns the image to pass as BASE.
func findBase(ctx context.Context, engine client.APIClient) (base, error) {
	for _, name := range []string{LocalBase, RegistryBase} {
		id, err := imageID(ctx, engine, name)
		if err != nil {
			return base{}, err
		}
		if id != "" {
			return base{name, id}, nil
		}
	}
	return base{name: RegistryBase}, nil
}

// imageID returns the content address of an image, "" when the engine does not have it.
func imageID(ctx context.Context, engine client.APIClient, name string) (string, error) {
	image, err := engine.ImageInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("docker: look for image %s: %w", name, err)
	}
	return image.ID, nil
}

// sources lists the files of the manifest's folder that the image is built from.
func sources(m implementation.Manifest) ([]string, error) {
	if m.Sandbox.Dockerfile == "" {
		return nil, fmt.Errorf("docker: the manifest of %s names no Dockerfile: write sandbox.dockerfile, or use --sandbox namespace: %w", m.Name, sandbox.ErrUnavailable)
	}
	names := append([]string{m.Sandbox.Dockerfile, m.Sandbox.Provision}, m.Sandbox.Files...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// tag names the image of an implementation by everything that decides what is in it.
func tag(m implementation.Manifest, on base) (string, error) {
	names, err := sources(m)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	part := func(name string, text []byte) { fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text) }
	part("format", []byte(imageFormat))
	part("base", []byte(on.String()))
	part("dockerfile", []byte(m.Sandbox.Dockerfile))
	for _, name := range names {
		text, err := safefile.Read(filepath.Join(m.Dir, name), sandbox.FolderLimit)
		if err != nil {
			return "", fmt.Errorf("docker: fingerprint the image of %s: %w", m.Name, err)
		}
		part("file "+name, text)
	}
	return "understudy/" + m.Slug + ":" + hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// buildContext copies the sources into a new folder, where nothing else is.
func buildContext(m implementation.Manifest) (dir string, err error) {
	names, err := sources(m)
	if err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "understudy-image-"); err != nil {
		return "", fmt.Errorf("docker: make a build folder: %w", err)
	}
	for _, name := range names {
		if err := copyInto(dir, m.Dir, name); err != nil {
			os.RemoveAll(dir)
			return "", fmt.Errorf("docker: copy %s into the build folder: %w", name, err)
		}
	}
	return dir, nil
}

func copyInto(dir, from, name string) error {
	in, err := safefile.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer in.Close()
	target := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// obtainable returns nil when an image can be built on that base: it is present,
// or a registry has it.
func obtainable(ctx context.Context, engine client.APIClient, on base) error {
	if on.id != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, registryLimit)
	defer cancel()
	if _, err := engine.DistributionInspect(ctx, on.name, client.DistributionInspectOptions{}); err != nil {
		return fmt.Errorf("docker: neither %s nor %s is present, and the engine finds no registry: %w: run ci/setup/base, or give the engine a registry: %w",
			LocalBase, RegistryBase, err, sandbox.ErrUnavailable)
	}
	return nil
}
