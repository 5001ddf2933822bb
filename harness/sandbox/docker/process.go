package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// planDeadline bounds how long a sandbox may take to read its plan.
const planDeadline = 20 * time.Second

// process is one container, seen from outside.
type process struct {
	id       string
	engine   client.APIClient
	attached client.HijackedResponse
	events   *io.PipeReader
	tail     sandbox.Tail
	copied   chan struct{} // closed when the attached stream has ended
	gone     client.ContainerWaitResult
	giveUp   context.CancelCauseFunc // ends gone without an answer
	gaveUp   context.Context
	ended    func()

	wait   sync.Once
	result error
}

// attach registers for the end of a container that was created, and connects to its streams.
// Both outlive ctx.
func attach(ctx context.Context, engine client.APIClient, id string) (*process, error) {
	p := &process{id: id, engine: engine, copied: make(chan struct{}), ended: func() {}}
	p.gaveUp, p.giveUp = context.WithCancelCause(context.WithoutCancel(ctx))
	p.gone = engine.ContainerWait(p.gaveUp, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	streams, err := engine.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		p.giveUp(nil)
		return nil, fmt.Errorf("attach to the container: %w", err)
	}
	p.attached = streams.HijackedResponse
	events, stdout := io.Pipe()
	p.events = events
	go func() {
		defer close(p.copied)
		_, err := stdcopy.StdCopy(stdout, &p.tail, p.attached.Reader)
		if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
			fmt.Fprintf(&p.tail, "\nunderstudy: the streams of the container broke off: %v\n", err)
		}
		stdout.Close()
	}()
	return p, nil
}

// tell writes the plan, which may exceed what the pipe holds.
func (p *process) tell(ctx context.Context, planLine []byte) error {
	deadline := time.Now().Add(planDeadline)
	if at, ok := ctx.Deadline(); ok && at.Before(deadline) {
		deadline = at
	}
	if err := p.attached.Conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := p.attached.Conn.Write(planLine); err != nil {
		return err
	}
	return p.attached.Conn.SetWriteDeadline(time.Time{})
}

func (p *process) Events() io.Reader   { return p.events }
func (p *process) Input() io.Writer    { return p.attached.Conn }
func (p *process) Diagnostics() string { return p.tail.String() }

// End closes the life line; to end what has ended is no error.
func (p *process) End() error {
	if err := p.attached.CloseWrite(); err != nil && !errors.Is(err, net.ErrClosed) && !isNotConnected(err) {
		return fmt.Errorf("docker: end container %.12s: %w", p.id, err)
	}
	return nil
}

// Kill removes the container by force. When the engine does not do it, the streams
// and Wait end all the same, with an error that names the container.
func (p *process) Kill() error {
	err := remove(context.Background(), p.engine, p.id)
	if err != nil {
		p.giveUp(fmt.Errorf("%w: it may still run: docker rm -f %.12s", err, p.id))
		p.attached.Close()
	}
	return err
}

// Wait may be called more than once, from several goroutines.
func (p *process) Wait() error {
	p.wait.Do(func() {
		select {
		case end := <-p.gone.Result:
			p.result = exit(end)
		case err := <-p.gone.Error:
			if cause := context.Cause(p.gaveUp); cause != nil {
				err = cause
			} else { // whether it still runs is not known: it must not
				err = errors.Join(err, remove(context.Background(), p.engine, p.id))
			}
			p.result = fmt.Errorf("docker: wait for container %.12s: %w: %w", p.id, err, sandbox.ErrUnavailable)
		}
		p.giveUp(nil)
		p.attached.Close()
		p.events.Close()
		<-p.copied
		p.ended()
	})
	return p.result
}

// exit turns what the engine says about the end into an error; nil for exit code 0.
func exit(end container.WaitResponse) error {
	if end.Error != nil && end.Error.Message != "" {
		return fmt.Errorf("docker: the engine says about the end: %s", end.Error.Message)
	}
	if end.StatusCode != 0 {
		return fmt.Errorf("exit status %d", end.StatusCode)
	}
	return nil
}

// isNotConnected recognises a stream whose other side has closed it first.
func isNotConnected(err error) bool {
	return errors.Is(err, syscall.ENOTCONN) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}
