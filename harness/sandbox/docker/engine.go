package docker

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// answerLimit is how long an engine may take to answer at all.
const answerLimit = 2 * time.Second

// configure sets what testcontainers reads once, from the environment of this
// process, and keeps: no reaper, no prefix before our own image names. The path
// of a socket is of use to the reaper only, and looking for it can panic.
// Its messages go nowhere: errors come back as errors.
var configure = sync.OnceValue(func() error {
	log.SetDefault(log.NewNoopLogger())
	for name, value := range map[string]string{
		"TESTCONTAINERS_RYUK_DISABLED":          "true",
		"TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE": "/var/run/docker.sock",
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("configure testcontainers: %w", err)
		}
	}
	return nil
})

// connect returns a client of an engine that has just answered, within two seconds,
// otherwise an error that wraps sandbox.ErrUnavailable and says what to do. Which engine is
// asked is decided by DOCKER_HOST, else by the default socket and ~/.testcontainers.properties.
// This process remembers the first answer, also that there is none.
func connect(ctx context.Context) (client.APIClient, error) {
	if err := configure(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, noEngine(err)
	}
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		engine.Close()
		return nil, noEngine(err)
	}
	// Where that one does not answer, testcontainers silently takes the next it finds.
	if wanted := os.Getenv("DOCKER_HOST"); wanted != "" && engine.DaemonHost() != wanted {
		other := engine.DaemonHost()
		engine.Close()
		return nil, noEngine(fmt.Errorf("DOCKER_HOST is %s, and only %s answers", wanted, other))
	}
	return engine, nil
}

// noEngine says on one line why there is none: testcontainers joins what it tried by line breaks.
func noEngine(err error) error {
	return fmt.Errorf("docker: no engine answers: %s: start one, get access to it (group docker), or point DOCKER_HOST at one that runs: %w",
		strings.ReplaceAll(err.Error(), "\n", "; "), sandbox.ErrUnavailable)
}

// describe asks the engine what it is, and refuses one that cannot run the helper commands.
func describe(ctx context.Context, engine client.APIClient) (map[string]string, error) {
	answer, err := engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("docker: ask the engine what it is: %w", err)
	}
	version, err := engine.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, fmt.Errorf("docker: ask the engine for its version: %w", err)
	}
	if version.Os != "linux" || version.Arch != runtime.GOARCH {
		return nil, fmt.Errorf("docker: the engine runs %s/%s containers, and the helper commands are for linux/%s: point DOCKER_HOST at another: %w",
			version.Os, version.Arch, runtime.GOARCH, sandbox.ErrUnavailable)
	}
	bounds := sandbox.Bounded()
	if !answer.Info.MemoryLimit || !answer.Info.PidsLimit {
		bounds = fmt.Sprintf("unbounded: the engine says memory limit %t, process limit %t", answer.Info.MemoryLimit, answer.Info.PidsLimit)
	}
	return map[string]string{
		"kernel":           answer.Info.KernelVersion,
		"engine":           version.Version,
		"storage-driver":   answer.Info.Driver,
		sandbox.BoundsFact: bounds,
	}, nil
}
