package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/wall"
)

const hostname = "understudy"

// scratchFor returns a directory to mount a tmpfs on that hides none of the needed paths.
func scratchFor(needed ...string) (string, error) {
next:
	for _, dir := range []string{"/tmp", "/mnt", "/media", "/srv", "/opt"} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		for _, path := range needed {
			if path == dir || strings.HasPrefix(path, dir+"/") {
				continue next
			}
		}
		return dir, nil
	}
	return "", fmt.Errorf("namespace: none of /tmp, /mnt, /media, /srv, /opt can take a tmpfs of a new mount namespace: %w", sandbox.ErrUnavailable)
}

// Backend starts sandboxes as namespaces. Its tmpfs holds:
//
//	bin, implementation,  copies owned by root, bound into each sandbox
//	brought
//	layer                 the unpacked layer of provision.sh (root: host)
//	upper, work           changes while a layer is made
type Backend struct {
	config  Config
	cache   *cache.Folder
	scratch string
	thread  *thread
	lower   []string
	facts   map[string]string
	bounds  *bounds // nil where no control groups can be made

	mu      sync.Mutex
	running map[*process]struct{}
}

// New returns a backend that is not prepared yet.
func New(config Config) *Backend {
	return &Backend{config: config, facts: map[string]string{}, running: map[*process]struct{}{}}
}

// Name returns "namespace".
func (b *Backend) Name() string { return "namespace" }

// Environment describes kernel and root of the sandboxes.
func (b *Backend) Environment() map[string]string { return b.facts }

// Prepare makes the mount namespace and what all sandboxes share in it.
func (b *Backend) Prepare(ctx context.Context, progress sandbox.Progress) error {
	if err := Available(); err != nil {
		return err
	}
	dir, err := filepath.Abs(b.config.Cache)
	if err != nil {
		return fmt.Errorf("find the cache folder: %w", err)
	}
	b.config.Cache = dir
	if b.cache, err = cache.Open(dir, progress); err != nil {
		return err
	}
	if b.scratch, err = scratchFor(dir); err != nil {
		return err
	}
	if b.thread, err = newThread(b.scratch); err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	if err := b.copyIn(); err != nil {
		return err
	}
	b.facts["kernel"], b.facts[sandbox.BoundsFact] = kernel(), sandbox.Bounded()
	if b.bounds, err = newBounds(filepath.Join(b.config.Bin, "understudy-worker")); err != nil {
		b.bounds = nil
		b.facts[sandbox.BoundsFact] = "unbounded: " + err.Error()
		progress("processes and memory of the sandboxes are unbounded: " + err.Error())
	}
	b.facts["root"] = b.config.Manifest.Sandbox.Root
	switch b.config.Manifest.Sandbox.Root {
	case "host":
		return b.prepareLayer(ctx, progress)
	case "trixie":
		return b.prepareRoot(ctx, progress)
	}
	return fmt.Errorf("namespace: sandbox root %q is not known: host and trixie are", b.config.Manifest.Sandbox.Root)
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}

// copyIn copies the helper commands and the manifest's folder into the tmpfs. The sources are read
// outside the thread, where the tmpfs covers nothing.
func (b *Backend) copyIn() error {
	var dir *os.File
	err := b.thread.do(func() (err error) {
		dir, err = os.Open(b.scratch)
		return err
	})
	if err != nil {
		return fmt.Errorf("open the scratch tmpfs: %w", err)
	}
	defer dir.Close()
	inside := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	if err := sandbox.CopyCommands(b.config.Bin, filepath.Join(inside, "bin")); err != nil {
		return err
	}
	if err := sandbox.CopyFolder(b.config.Manifest.Dir, filepath.Join(inside, "implementation")); err != nil || b.config.Bring == "" {
		return err
	}
	return sandbox.CopyFolder(b.config.Bring, filepath.Join(inside, "brought"))
}

// Start starts one sandbox and hands it the plan.
func (b *Backend) Start(ctx context.Context, planLine []byte) (sandbox.Process, error) {
	spec := Spec{
		Lower:    b.lower,
		Scratch:  b.scratch,
		Hostname: hostname,
		Cover:    b.config.Manifest.Sandbox.Root == "host",
		Argv:     []string{sandbox.Bin + "/understudy-worker", "init"},
		Env:      wall.Environment,
		Inside:   wall.Init,
		Tmpfs: []Tmpfs{
			{"/tmp", 0o1777}, {"/run", 0o755}, {"/home", 0o755}, {"/srv", 0o755}, {"/root", 0o700},
		},
		Binds: []Bind{
			{b.inScratch("bin"), sandbox.Bin, true},
			{b.inScratch("implementation"), sandbox.Implementation, true},
		},
		Files: []File{
			{"/etc/hostname", hostname + "\n"},
			{"/etc/hosts", "127.0.0.1 localhost " + hostname + "\n::1 localhost\n"},
			{"/etc/resolv.conf", ""},
		},
	}
	if b.config.Bring != "" {
		spec.Binds = append(spec.Binds, Bind{b.inScratch("brought"), sandbox.Brought, true})
	}
	p, err := b.spawn(spec, unix.CLONE_NEWNET, nil)
	if err != nil {
		return nil, err
	}
	if err := p.tell(ctx, planLine); err != nil {
		p.Kill()
		p.Wait()
		return nil, fmt.Errorf("hand the plan to the sandbox: %w: %s", err, p.Diagnostics())
	}
	return p, nil
}

func (b *Backend) inScratch(name string) string { return filepath.Join(b.scratch, name) }

// spawn starts the inner half with spec, in new namespaces and those of flags. Standard error goes to
// diagnostics if given, else it is kept by the process.
func (b *Backend) spawn(spec Spec, flags uintptr, diagnostics io.Writer) (*process, error) {
	within, err := b.bound()
	if err != nil {
		return nil, err
	}
	p, err := newProcess(b.inScratch("bin/understudy-worker"), spec, flags, within)
	if err != nil {
		return nil, errors.Join(err, within.remove())
	}
	if diagnostics != nil {
		p.cmd.Stderr = diagnostics
	}
	p.ended = func() {
		b.mu.Lock()
		delete(b.running, p)
		b.mu.Unlock()
	}
	if err := b.thread.do(p.start); err != nil {
		return nil, errors.Join(fmt.Errorf("start a sandbox: %w", err), within.remove())
	}
	b.mu.Lock()
	b.running[p] = struct{}{}
	b.mu.Unlock()
	return p, nil
}

// bound makes the control group of one more sandbox; none where this machine has none, as the report says.
func (b *Backend) bound() (group, error) {
	if b.bounds == nil {
		return nil, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bounds.add()
}

// Close kills what still runs and gives up the mount namespace with all that is in it.
func (b *Backend) Close() error {
	if b.cache != nil {
		defer b.cache.Close()
	}
	if b.thread == nil {
		return nil
	}
	b.mu.Lock()
	var left []*process
	for p := range b.running {
		left = append(left, p)
	}
	b.mu.Unlock()
	for _, p := range left {
		p.Kill()
		p.Wait()
	}
	b.thread.close()
	b.thread = nil
	if b.bounds != nil {
		b.bounds.close()
		b.bounds = nil
	}
	return nil
}

var _ sandbox.Backend = (*Backend)(nil)
