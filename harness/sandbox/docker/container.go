package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

const hostname = "understudy"

// removeTime bounds the removal of one container.
const removeTime = 20 * time.Second

// Start creates a container, copies the files in, attaches, starts it and hands it the plan.
func (b *Backend) Start(ctx context.Context, planLine []byte) (sandbox.Process, error) {
	created, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{
			Image:              b.image,
			Entrypoint:         []string{sandbox.Bin + "/understudy-worker", "init"},
			Labels:             map[string]string{LabelRun: b.config.RunID, LabelOwner: owner(os.Getpid())},
			ConfigModifier:     configure,
			HostConfigModifier: confine,
		},
		Logger: log.NewNoopLogger(),
	})
	if created == nil {
		return nil, fmt.Errorf("docker: create a container of %s: %w", b.image, err)
	}
	p := &process{client: b.client, id: created.GetContainerID()}
	p.ended = func() {
		b.mu.Lock()
		delete(b.running, p)
		b.mu.Unlock()
	}
	if err == nil {
		err = p.start(ctx, b.files, planLine)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("docker: %w", err), p.Kill())
	}
	b.mu.Lock()
	b.running[p] = struct{}{}
	b.mu.Unlock()
	return p, nil
}

// configure attaches the three streams; standard input closes with the outer command.
func configure(c *container.Config) {
	c.Hostname, c.User, c.WorkingDir = hostname, "0:0", "/"
	c.OpenStdin, c.StdinOnce = true, true
	c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true
}

// confine gives no network and keeps no log: the journal may be large. The stage reads /proc/PID/fd
// of other users, which the kernel counts as tracing.
func confine(h *container.HostConfig) {
	h.AutoRemove = true
	h.NetworkMode = "none"
	h.ExtraHosts = []string{hostname + ":127.0.0.1"}
	h.LogConfig = container.LogConfig{Type: "none"}
	h.CapAdd = []string{"SYS_PTRACE"}
}

// process is one container.
type process struct {
	client client.APIClient
	id     string
	stream client.HijackedResponse
	events *io.PipeReader
	tail   sandbox.Tail
	gone   client.ContainerWaitResult
	ended  func()

	wait   sync.Once
	result error
}

func (p *process) start(ctx context.Context, files, planLine []byte) error {
	copied := client.CopyToContainerOptions{DestinationPath: "/", Content: bytes.NewReader(files)}
	if _, err := p.client.CopyToContainer(ctx, p.id, copied); err != nil {
		return fmt.Errorf("copy the helper commands into the container: %w", err)
	}
	attached, err := p.client.ContainerAttach(ctx, p.id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return fmt.Errorf("attach to the container: %w", err)
	}
	p.stream = attached.HijackedResponse
	// Asked before the start, so that even an early end is seen; it outlives ctx, which is the start's.
	p.gone = p.client.ContainerWait(context.WithoutCancel(ctx), p.id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	if _, err := p.client.ContainerStart(ctx, p.id, client.ContainerStartOptions{}); err != nil {
		p.stream.Close()
		return fmt.Errorf("start the container: %w", err)
	}
	reader, writer := io.Pipe()
	p.events = reader
	go func() {
		_, err := stdcopy.StdCopy(writer, &p.tail, p.stream.Reader)
		writer.CloseWithError(err)
	}()
	if _, err := p.stream.Conn.Write(planLine); err != nil {
		p.stream.Close()
		return fmt.Errorf("hand the plan to the container: %w", err)
	}
	return nil
}

func (p *process) Events() io.Reader   { return p.events }
func (p *process) Diagnostics() string { return p.tail.String() }

// End closes standard input; init ends, and the container with it.
func (p *process) End() error {
	if err := p.stream.CloseWrite(); err != nil {
		return fmt.Errorf("end the container: %w", err)
	}
	return nil
}

// Kill removes the container, running or not; one that is gone already is no error.
func (p *process) Kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	return remove(ctx, p.client, p.id)
}

func remove(ctx context.Context, c client.APIClient, id string) error {
	_, err := c.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // conflict: its removal is under way
		return nil
	}
	return fmt.Errorf("remove container %.12s: %w", id, err)
}

// Wait returns when the container is removed.
func (p *process) Wait() error {
	p.wait.Do(func() {
		select {
		case status := <-p.gone.Result:
			if status.StatusCode != 0 {
				p.result = fmt.Errorf("exit status %d", status.StatusCode)
			}
		case err := <-p.gone.Error:
			if !errdefs.IsNotFound(err) {
				p.result = fmt.Errorf("wait for container %.12s: %w", p.id, err)
			}
		}
		p.stream.Close()
		p.events.Close()
		p.ended()
	})
	return p.result
}
