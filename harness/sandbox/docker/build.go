package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// ErrBuild is wrapped by the error of a "docker build" that failed; the text holds the end of its output.
var ErrBuild = errors.New("image build failed")

// clients lists the docker commands of this machine, the packaged one first:
// another one in PATH may lack its buildx.
func clients(path string) []string {
	candidates := []string{"/usr/bin/docker"}
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) {
			candidates = append(candidates, filepath.Join(dir, "docker"))
		}
	}
	return candidates
}

// buildKitClient returns the first docker command that can build with BuildKit.
// run executes a command and returns its output.
func buildKitClient(candidates []string, run func(argv ...string) (string, error)) (string, error) {
	var refused []string
	seen := map[string]bool{}
	for _, command := range candidates {
		if seen[command] {
			continue
		}
		seen[command] = true
		version, err := run(command, "--version")
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s --version: %v", command, err))
			continue
		}
		if builtIn(version) {
			return command, nil
		}
		if _, err := run(command, "buildx", "version"); err == nil {
			return command, nil
		}
		refused = append(refused, fmt.Sprintf("%s (%s) has no buildx", command, strings.TrimSpace(version)))
	}
	if len(refused) == 0 {
		refused = []string{"none is installed"}
	}
	return "", fmt.Errorf("docker: no docker command that can build with BuildKit: %s: install docker-buildx-plugin (docker-buildx on Debian), or Debian's docker.io: %w",
		strings.Join(refused, "; "), sandbox.ErrUnavailable)
}

var clientVersion = regexp.MustCompile(`^Docker version (\d+)\.(\d+)`)

// builtIn reports whether a client brings BuildKit itself: from 18.09 until 23.0 made it a plugin.
func builtIn(version string) bool {
	found := clientVersion.FindStringSubmatch(version)
	if found == nil {
		return false
	}
	major, _ := strconv.Atoi(found[1]) // digits
	minor, _ := strconv.Atoi(found[2])
	return (major == 18 && minor >= 9) || (major > 18 && major < 23)
}

// certificates returns the file to pass as build secret "ca", "" for none: behind
// a proxy that signs its own certificates the environment names a bundle.
func certificates(getenv func(string) string) string {
	for _, name := range []string{"SSL_CERT_FILE", "PIP_CERT", "CURL_CA_BUNDLE"} {
		path := getenv(name)
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return path
		}
	}
	return ""
}

// build is one run of "docker build".
type build struct {
	command    string // docker
	host       string // of the engine, as DOCKER_HOST
	dir        string // build context
	dockerfile string // relative to dir
	tag        string
	base       string
	secret     string // path of a certificate bundle, or ""
}

func (b build) argv() []string {
	argv := []string{
		b.command, "build", "--progress", "plain", "--file", filepath.Join(b.dir, b.dockerfile),
		"--tag", b.tag, "--build-arg", "BASE=" + b.base, "--label", imageLabel + "=true",
	}
	if b.secret != "" {
		argv = append(argv, "--secret", "id=ca,src="+b.secret)
	}
	return append(argv, b.dir)
}

// run builds. Its output goes to log, its steps to progress.
func (b build) run(ctx context.Context, log io.Writer, progress sandbox.Progress) error {
	argv := b.argv()
	out := sandbox.NewTranscript(log, steps(progress))
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	// The builder of the engine, not one in a container of its own: the image has to be in the engine.
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default", "DOCKER_HOST="+b.host)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("docker: build image %s: %w", b.tag, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("docker: %w: %s: %w; its last words:\n%s", ErrBuild, strings.Join(argv, " "), err, out.Last())
	}
	return nil
}

// A step of the Dockerfile, "#5 [2/3] RUN x", or one that its script announces, "#5 0.123 [1/4] x".
var stepLine = regexp.MustCompile(`^#\d+ (\d+\.\d+ )?(\[\d+/\d+\] .+)$`)

// steps returns a function that tells the steps among the lines of a build, each once: BuildKit
// repeats the heading of a step.
func steps(progress sandbox.Progress) func(line string) {
	told := map[string]bool{}
	return func(line string) {
		found := stepLine.FindStringSubmatch(line)
		if found == nil || told[found[2]] {
			return
		}
		told[found[2]] = true
		if found[1] == "" {
			progress("Dockerfile " + found[2])
			return
		}
		progress(found[2])
	}
}

// execute returns a function that runs a command and returns what it prints.
func execute(ctx context.Context) func(argv ...string) (string, error) {
	return func(argv ...string) (string, error) {
		out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
		return string(out), err
	}
}
