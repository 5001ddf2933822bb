package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

const hostname = "understudy"

// createLimit is how long the engine may take to create a container of an image that it has.
const createLimit = time.Minute

// Options are what a Backend needs to know.
type Options struct {
	Commands string                  // folder with sandbox.Commands, static, for linux
	Manifest implementation.Manifest // of the implementation under test
	RunID    string                  // label of all containers
	Bring    string                  // a folder to be copied to sandbox.Brought; "" for none
	Log      io.Writer               // gets what "docker build" prints; nil for nobody
}

// Backend starts sandboxes as containers.
type Backend struct {
	options  Options
	engine   client.APIClient
	image    string
	content  *os.File // tar with all that is in /understudy
	facts    map[string]string
	security []string // options of the engine

	mu      sync.Mutex
	running map[*process]struct{}
}

// New returns a backend that is not prepared yet.
func New(options Options) *Backend {
	if options.Log == nil {
		options.Log = io.Discard
	}
	return &Backend{options: options, facts: map[string]string{}, running: map[*process]struct{}{}}
}

// Name returns "docker".
func (b *Backend) Name() string { return "docker" }

// Environment describes engine and image: kernel, engine, storage-driver, image, image-id, base.
func (b *Backend) Environment() map[string]string { return b.facts }

// ImageThere reports whether the engine has the image already, so that Prepare builds nothing.
func (b *Backend) ImageThere(ctx context.Context) (bool, error) {
	engine, err := connect(ctx)
	if err != nil {
		return false, err
	}
	defer engine.Close()
	_, _, id, err := b.find(ctx, engine)
	return id != "", err
}

// Obtainable returns nil when the image is there or can probably be built: a docker command with
// BuildKit is present, and so is a base image, or a registry answers. Otherwise the
// error wraps sandbox.ErrUnavailable and says what to do.
func (b *Backend) Obtainable(ctx context.Context) error {
	if _, err := sources(b.options.Manifest); err != nil {
		return err // whether an engine answers or not
	}
	engine, err := connect(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	_, on, id, err := b.find(ctx, engine)
	if err != nil || id != "" {
		return err
	}
	if _, err := buildKitClient(clients(os.Getenv("PATH")), execute(ctx)); err != nil {
		return err
	}
	return obtainable(ctx, engine, on)
}

// find returns the name of the image, what it is built on, and its id if the engine has it.
func (b *Backend) find(ctx context.Context, engine client.APIClient) (name string, on base, id string, err error) {
	if on, err = findBase(ctx, engine); err != nil {
		return "", base{}, "", err
	}
	if name, err = tag(b.options.Manifest, on); err != nil {
		return "", base{}, "", err
	}
	id, err = imageID(ctx, engine, name)
	return name, on, id, err
}

// Prepare removes what dead runs left, builds the image unless the engine has it, and packs what each sandbox gets. A build that fails
// wraps ErrBuild; an engine or a docker command that is missing wraps sandbox.ErrUnavailable.
func (b *Backend) Prepare(ctx context.Context, progress sandbox.Progress) (err error) {
	if b.engine, err = connect(ctx); err != nil {
		return err
	}
	if b.facts, err = describe(ctx, b.engine); err != nil {
		return err
	}
	// What dead runs left takes no part in this one, so that it does not fail either when they stay.
	if removed, err := sweep(ctx, b.engine, false); err != nil {
		progress("containers of earlier runs stay: " + err.Error())
	} else if len(removed) > 0 {
		progress(fmt.Sprintf("removed %d containers that earlier runs left", len(removed)))
	}
	name, on, id, err := b.find(ctx, b.engine)
	if err != nil {
		return err
	}
	if id == "" {
		if id, err = b.build(ctx, name, on, progress); err != nil {
			return err
		}
	}
	b.image = name
	b.facts["image"], b.facts["image-id"], b.facts["base"] = name, id, on.String()
	if b.security, err = filter(); err != nil {
		return err
	}
	b.content, err = content(b.options.Commands, b.options.Manifest.Dir, b.options.Bring)
	return err
}

// build builds the image and returns its id.
func (b *Backend) build(ctx context.Context, name string, on base, progress sandbox.Progress) (id string, err error) {
	command, err := buildKitClient(clients(os.Getenv("PATH")), execute(ctx))
	if err != nil {
		return "", err
	}
	dir, err := buildContext(b.options.Manifest)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	progress(fmt.Sprintf("building image %s on %s (once)", name, on.name))
	work := build{
		command: command, host: b.engine.DaemonHost(), dir: dir, dockerfile: b.options.Manifest.Sandbox.Dockerfile,
		tag: name, base: on.name, secret: certificates(os.Getenv),
	}
	if _, err := fmt.Fprintln(b.options.Log, strings.Join(work.argv(), " ")); err != nil {
		return "", fmt.Errorf("docker: %w", err)
	}
	if err := work.run(ctx, b.options.Log, progress); err != nil {
		return "", err
	}
	if id, err = imageID(ctx, b.engine, name); err == nil && id == "" {
		err = fmt.Errorf("docker: %w: %s said that it built %s, and the engine at %s does not have it", ErrBuild, command, name, work.host)
	}
	return id, err
}

// Start creates a container, starts it and hands it the plan. What it has created it removes when that fails.
func (b *Backend) Start(ctx context.Context, planLine []byte) (sandbox.Process, error) {
	created, err := b.create(ctx)
	if err != nil {
		if created != nil {
			err = errors.Join(err, remove(ctx, b.engine, created.GetContainerID()))
		}
		return nil, fmt.Errorf("docker: create a container of %s: %w", b.image, err)
	}
	// launch fails at once when ctx was cancelled meanwhile.
	p, err := b.launch(ctx, created)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("docker: start a container of %s: %w", b.image, err), remove(ctx, b.engine, created.GetContainerID()))
	}
	if err := p.tell(ctx, planLine); err != nil {
		p.Kill()
		p.Wait()
		return nil, fmt.Errorf("docker: hand the plan to the sandbox: %w: %s", err, p.Diagnostics())
	}
	return p, nil
}

// create is not interrupted by ctx: nobody would know the id of what the engine creates all the same.
func (b *Backend) create(ctx context.Context) (testcontainers.Container, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createLimit)
	defer cancel()
	return testcontainers.GenericContainer(ctx, b.request())
}

// launch fills a container that was created, attaches to it, and starts it.
func (b *Backend) launch(ctx context.Context, created testcontainers.Container) (*process, error) {
	id := created.GetContainerID()
	files, err := whole(b.content)
	if err != nil {
		return nil, fmt.Errorf("read what sandboxes get: %w", err)
	}
	if _, err := b.engine.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: files}); err != nil {
		return nil, fmt.Errorf("copy helper commands and manifest folder: %w", err)
	}
	p, err := attach(ctx, b.engine, id)
	if err != nil {
		return nil, err
	}
	b.track(p)
	if err := created.Start(ctx); err != nil {
		p.Kill()
		p.Wait()
		return nil, fmt.Errorf("%w: %s", err, p.Diagnostics())
	}
	return p, nil
}

func (b *Backend) track(p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running[p] = struct{}{}
	p.ended = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.running, p)
	}
}

// request describes the container of one sandbox.
func (b *Backend) request() testcontainers.GenericContainerRequest {
	return testcontainers.GenericContainerRequest{
		Logger: log.NewNoopLogger(),
		ContainerRequest: testcontainers.ContainerRequest{
			// With the registry in it, nobody's TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX goes before it.
			Image:          "docker.io/" + b.image,
			Entrypoint:     []string{sandbox.Bin + "/understudy-worker", "contain"},
			Labels:         labels(b.options.RunID),
			ConfigModifier: configureContainer,
			HostConfigModifier: func(h *container.HostConfig) {
				configureHost(h)
				h.SecurityOpt = b.security
			},
		},
	}
}

func configureContainer(c *container.Config) {
	c.Hostname = hostname
	c.User, c.WorkingDir = "0:0", "/" // whatever the image says
	c.OpenStdin, c.StdinOnce = true, true
	c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true
	c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
}

func configureHost(h *container.HostConfig) {
	h.AutoRemove = true
	h.LogConfig = container.LogConfig{Type: "none"} // events are read once; a log would keep and slow them
	h.NetworkMode = "none"
	h.ExtraHosts = []string{hostname + ":127.0.0.1"} // sudo looks its own host up and complains without it
	h.CapAdd = []string{"SYS_PTRACE"}                // for init and worker alone, package wall sees to that
	h.CapDrop = []string{"MKNOD"}
	h.Init = new(bool) // process 1 is the worker, also where the engine is set up otherwise
	// The same empty, writable places as in the namespace backend. The engine's own default is noexec.
	h.Tmpfs = map[string]string{}
	for path, mode := range map[string]string{"/tmp": "1777", "/run": "0755", "/home": "0755", "/srv": "0755", "/root": "0700"} {
		h.Tmpfs[path] = fmt.Sprintf("rw,exec,nosuid,nodev,mode=%s,size=%d", mode, sandbox.MaxTmpfs)
	}
	processes := int64(sandbox.MaxProcesses)
	h.PidsLimit, h.Memory, h.MemorySwap = &processes, sandbox.MaxMemory, sandbox.MaxMemory
}

// Close kills what still runs and removes what Prepare wrote. The image stays.
func (b *Backend) Close() error {
	b.mu.Lock()
	var left []*process
	for p := range b.running {
		left = append(left, p)
	}
	b.mu.Unlock()
	var failed []error
	for _, p := range left {
		failed = append(failed, p.Kill())
		p.Wait()
	}
	if b.content != nil {
		failed = append(failed, discard(b.content))
		b.content = nil
	}
	if b.engine != nil {
		failed = append(failed, b.engine.Close())
		b.engine = nil
	}
	return errors.Join(failed...)
}

var _ sandbox.Backend = (*Backend)(nil)
