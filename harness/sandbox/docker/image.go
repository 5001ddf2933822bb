package docker

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// Base images: ours, which ci/setup/base makes without a registry, comes first.
const (
	ownBase    = "understudy/base:trixie"
	publicBase = "debian:trixie-slim"
)

// certificates is offered to the build as secret "ca" where the host has it.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// prepareImage finds or builds the image. Its tag is a fingerprint of all that goes into it.
func (b *Backend) prepareImage(ctx context.Context, progress sandbox.Progress) error {
	m := b.config.Manifest
	if m.Sandbox.Dockerfile == "" {
		return fmt.Errorf("docker: the manifest of %s names no dockerfile: add sandbox.dockerfile, or use --sandbox namespace: %w", m.Name, sandbox.ErrUnavailable)
	}
	base, baseID := publicBase, publicBase
	own, err := b.client.ImageInspect(ctx, ownBase)
	switch {
	case err == nil:
		base, baseID = ownBase, own.ID
	case !errdefs.IsNotFound(err):
		return fmt.Errorf("docker: look for %s: %w", ownBase, err)
	}
	files := append([]string{m.Sandbox.Dockerfile, m.Sandbox.Provision}, m.Sandbox.Files...)
	sum, err := fingerprint(m.Dir, baseID, files)
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	b.image = "understudy/" + m.Slug + ":" + sum
	found, err := b.client.ImageInspect(ctx, b.image)
	if errdefs.IsNotFound(err) {
		progress("building image " + b.image + " on " + base + " (once)")
		if err := b.build(ctx, base, files, progress); err != nil {
			return err
		}
		found, err = b.client.ImageInspect(ctx, b.image)
	}
	if err != nil {
		return fmt.Errorf("docker: look for %s: %w", b.image, err)
	}
	b.facts["image"], b.facts["image_id"], b.facts["base"] = b.image, found.ID, base
	return nil
}

func fingerprint(dir, baseID string, files []string) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", runtime.GOARCH, baseID)
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("fingerprint of the image: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// build runs "docker build" with BuildKit, by the first client of this machine that can: secrets need it, and neither the
// engine's own builder nor every client has it. The context holds the named files only.
func (b *Backend) build(ctx context.Context, base string, files []string, progress sandbox.Progress) error {
	logs := filepath.Join(b.config.Cache, "images")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("docker: make folder for build logs: %w", err)
	}
	logPath := filepath.Join(logs, strings.NewReplacer("/", "-", ":", "-").Replace(b.image)+".log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("docker: open build log: %w", err)
	}
	defer log.Close()
	folder, err := os.MkdirTemp("", "understudy-image-")
	if err != nil {
		return fmt.Errorf("docker: make the build context: %w", err)
	}
	defer os.RemoveAll(folder)
	for _, name := range files {
		if err := copyInto(folder, b.config.Manifest.Dir, name); err != nil {
			return fmt.Errorf("docker: make the build context: %w", err)
		}
	}
	args := []string{"build", "--progress=plain", "--build-arg", "BASE=" + base, "--tag", b.image, "--file", filepath.Join(folder, b.config.Manifest.Sandbox.Dockerfile)}
	if info, err := os.Stat(certificates); err == nil && info.Size() > 0 {
		args = append(args, "--secret", "id=ca,src="+certificates)
	}
	clients := clients()
	if len(clients) == 0 {
		return fmt.Errorf("docker: an engine answers, but there is no docker command to build %s with: install docker.io or docker-buildx: %w", b.image, sandbox.ErrUnavailable)
	}
	var problems []error
	for _, command := range clients {
		last, err := runBuild(ctx, command, append(args, folder), log, progress)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("docker: build of %s interrupted: %w", b.image, ctx.Err())
		}
		problems = append(problems, fmt.Errorf("%s build: %w: %s", command, err, last))
		if !strings.Contains(last, "buildx component is missing") {
			break // another client would fail in the same way
		}
	}
	return fmt.Errorf("docker: %w: %w; whole log: %s", ErrImage, errors.Join(problems...), logPath)
}

func copyInto(folder, dir, name string) error {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	target := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, text, 0o644)
}

// clients lists docker commands, the packaged one first.
func clients() []string {
	var found []string
	for _, name := range []string{"/usr/bin/docker", "docker"} {
		path, err := exec.LookPath(name)
		if err == nil && (len(found) == 0 || found[0] != path) {
			found = append(found, path)
		}
	}
	return found
}

var stepLine = regexp.MustCompile(`\[\d+/\d+\] .*`)

// runBuild copies all output to log, steps to progress, and returns the last lines.
func runBuild(ctx context.Context, command string, args []string, log io.Writer, progress sandbox.Progress) (last string, err error) {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return "", err
	}
	var tail [][]byte
	lines := bufio.NewScanner(reader)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := bytes.Clone(lines.Bytes())
		fmt.Fprintf(log, "%s\n", line)
		if step := stepLine.Find(line); step != nil {
			progress(string(step))
		}
		if tail = append(tail, line); len(tail) > 12 {
			tail = tail[1:]
		}
	}
	return string(bytes.Join(tail, []byte("\n"))), cmd.Wait()
}
