// Package docker makes sandboxes out of containers, with testcontainers-go and
// whatever engine it finds. It is the only package that imports testcontainers,
// and only the command that people type imports it.
//
//	image      built from the manifest's Dockerfile, tagged by its content
//	container  created, not started; helper commands and manifest folder are copied in;
//	           attached, then started: understudy-worker init is process 1
//	end        standard input ends -> init ends -> the engine removes the container
package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// Labels that every container of ours carries.
const (
	LabelRun   = "dev.understudy.run"   // id of the run
	LabelOwner = "dev.understudy.owner" // the process that started it, see owner
)

// answerTime is how long an engine may take to answer at all.
const answerTime = 2 * time.Second

// ErrImage is wrapped when the image cannot be built; the text names the log.
var ErrImage = errors.New("image not built")

// Config is what a Backend needs to know.
type Config struct {
	RunID    string
	Bin      string                  // folder with the helper commands, for the engine's architecture
	Manifest implementation.Manifest // of the implementation under test
	Cache    string                  // the user's cache folder for Understudy
}

// Backend starts sandboxes as containers.
type Backend struct {
	config Config
	client client.APIClient
	close  func() error
	image  string
	files  []byte // tar with the helper commands and the manifest's folder
	facts  map[string]string

	mu      sync.Mutex
	running map[*process]struct{}
}

// New returns a backend that is not prepared yet.
func New(config Config) *Backend {
	return &Backend{config: config, facts: map[string]string{}, running: map[*process]struct{}{}}
}

// Name returns "docker".
func (b *Backend) Name() string { return "docker" }

// Environment describes engine and image.
func (b *Backend) Environment() map[string]string { return b.facts }

// Prepare connects to the engine, builds the image unless it is there, and collects what is copied into containers.
func (b *Backend) Prepare(ctx context.Context, progress sandbox.Progress) error {
	provider, err := engine(ctx)
	if err != nil {
		return err
	}
	b.client, b.close = provider.Client(), provider.Close
	version, err := b.client.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("docker: ask the engine for its version: %w", err)
	}
	b.facts["engine"] = version.Version
	if err := b.prepareImage(ctx, progress); err != nil {
		return err
	}
	if b.files, err = pack(b.config.Bin, b.config.Manifest.Dir); err != nil {
		return err
	}
	return nil
}

// engine connects to an engine that answers within answerTime.
func engine(ctx context.Context) (*testcontainers.DockerProvider, error) {
	// Its reaper's image is one more thing to download; our containers end with standard input.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, fmt.Errorf("docker: switch the reaper off: %w", err)
	}
	type result struct {
		provider *testcontainers.DockerProvider
		err      error
	}
	found := make(chan result, 1)
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	go func() {
		provider, err := testcontainers.NewDockerProvider(testcontainers.Generic2DockerOptions(testcontainers.WithLogger(log.NewNoopLogger()))...)
		if err == nil {
			_, err = provider.Client().Ping(ctx, client.PingOptions{})
		}
		found <- result{provider, err}
	}()
	select {
	case r := <-found:
		if r.err != nil {
			return nil, fmt.Errorf("docker: no engine answers (%w): start one, or set DOCKER_HOST: %w", r.err, sandbox.ErrUnavailable)
		}
		return r.provider, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("docker: no engine answers within %s: start one, or set DOCKER_HOST: %w", answerTime, sandbox.ErrUnavailable)
	}
}

// Close ends and removes what still runs.
func (b *Backend) Close() error {
	if b.client == nil {
		return nil
	}
	b.mu.Lock()
	var left []*process
	for p := range b.running {
		left = append(left, p)
	}
	b.mu.Unlock()
	var problems []error
	for _, p := range left {
		problems = append(problems, p.Kill())
		p.Wait()
	}
	return errors.Join(append(problems, b.close())...)
}

var _ sandbox.Backend = (*Backend)(nil)
