package namespace

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/layer"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// cacheFormat changes when layers or roots of earlier versions can no longer be used.
const cacheFormat = "1"

// suite is the Debian release of a root of its own.
const suite = "trixie"

//go:embed provision.sh
var provisionScript string

//go:embed base.sh
var baseScript string

// certificates is the bundle that provision.sh finds as /run/secrets/ca.crt, if the host has it:
// behind a proxy that signs its own certificates, downloads need it.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// prepareLayer makes, or finds in the cache, what provision.sh adds to the host's
// root, and unpacks it into the tmpfs.
func (b *Backend) prepareLayer(ctx context.Context, progress sandbox.Progress) error {
	entry, err := b.layer()
	if err != nil {
		return err
	}
	machine := machinePackages()
	if _, err := os.Lstat(entry.Path); err != nil {
		if err := machine.rest(ctx, progress); err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		if entry, err = b.layer(); err != nil { // over other packages, perhaps
			return err
		}
	}
	provision := func(partial string, log io.Writer) error {
		if err := debianLike(); err != nil {
			return err
		}
		progress("preparing a layer over / with provision.sh (once; nothing on this machine changes)")
		changes, err := b.changes("provision")
		if err != nil {
			return err
		}
		spec := b.workshop(provisionScript, sandbox.Implementation+"/"+b.config.Manifest.Sandbox.Provision)
		spec.Lower, spec.Upper, spec.Cover = []string{"/"}, changes, true
		before := machine.status()
		if err := b.runWorkshop(ctx, spec, log, progress); err != nil {
			return machine.blame(fmt.Errorf("%w\nwhole log: %s", err, entry.Log), before)
		}
		return b.pack(filepath.Join(changes, "upper"), partial)
	}
	unpack := func(in io.Reader) error { return b.unpack(in, "layer") }
	if err := entry.Read(ctx, cache.Maker{What: "layer", Build: provision}, unpack); err != nil {
		return fmt.Errorf("namespace: layer over /: %w", err)
	}
	b.lower = []string{b.inScratch("layer"), "/"}
	b.facts["layer"] = strings.TrimSuffix(filepath.Base(entry.Path), ".tar")
	return nil
}

// layer returns the place of the layer in the cache, which depends on the packages of this machine.
func (b *Backend) layer() (cache.Entry, error) {
	key := cache.NewKey()
	if err := b.fingerprint(key); err != nil {
		return cache.Entry{}, err
	}
	for _, path := range []string{"/etc/os-release", "/var/lib/dpkg/status"} {
		if err := key.File(path, path, true); err != nil {
			return cache.Entry{}, err
		}
	}
	return b.cache.Entry("layers/" + key.String() + ".tar"), nil
}

// prepareRoot makes, or finds in the cache, a Debian root of its own with provision.sh applied.
func (b *Backend) prepareRoot(ctx context.Context, progress sandbox.Progress) error {
	key := cache.NewKey()
	key.Text("suite", suite)
	if err := b.fingerprint(key); err != nil {
		return err
	}
	entry := b.cache.Entry("roots/" + key.String())
	provision := func(partial string, log io.Writer) error {
		if err := b.base(ctx, progress, partial); err != nil {
			return err
		}
		progress("preparing the " + suite + " root with provision.sh (once)")
		spec := b.workshop(provisionScript, sandbox.Implementation+"/"+b.config.Manifest.Sandbox.Provision)
		spec.Lower, spec.Writable = []string{partial}, true
		if err := b.runWorkshop(ctx, spec, log, progress); err != nil {
			return fmt.Errorf("%w\nwhole log: %s", err, entry.Log)
		}
		return nil
	}
	if err := entry.Tree(ctx, cache.Maker{What: suite + " root", Build: provision}); err != nil {
		return fmt.Errorf("namespace: %s root: %w", suite, err)
	}
	b.lower = []string{entry.Path}
	b.facts["layer"] = key.String()
	return nil
}

// base makes, or finds in the cache, the tar of a minimal Debian, and unpacks it into the folder to. ci/setup/base, which imports
// the same into an engine, keeps it at the same place.
func (b *Backend) base(ctx context.Context, progress sandbox.Progress, to string) error {
	entry := b.cache.Entry("base-" + suite + "-" + runtime.GOARCH + ".tar")
	bootstrap := func(partial string, log io.Writer) error {
		if _, err := exec.LookPath("mmdebstrap"); err != nil {
			if err := errors.Join(debianLike(), machinePackages().rest(ctx, progress)); err != nil {
				return err
			}
		}
		progress("making a minimal Debian " + suite + " with mmdebstrap (once; nothing on this machine changes)")
		changes, err := b.changes("base")
		if err != nil {
			return err
		}
		const inside = "/understudy/output"
		spec := b.workshop(baseScript, suite, inside+"/"+filepath.Base(partial))
		spec.Lower, spec.Upper, spec.Trusted = []string{"/"}, changes, true
		spec.Binds = append(spec.Binds, Bind{Source: b.config.Cache, Target: inside})
		if err := b.runWorkshop(ctx, spec, log, progress); err != nil {
			return fmt.Errorf("%w\nwhole log: %s", err, entry.Log)
		}
		return nil
	}
	unpack := func(in io.Reader) error { return unpackInto(in, to) }
	if err := entry.Read(ctx, cache.Maker{What: "minimal Debian", Build: bootstrap}, unpack); err != nil {
		return fmt.Errorf("minimal Debian: %w", err)
	}
	return nil
}

// fingerprint adds to key all that decides what provision.sh does, the root it runs in excepted.
func (b *Backend) fingerprint(key *cache.Key) error {
	key.Text("format", cacheFormat)
	key.Text("architecture", runtime.GOARCH)
	key.Text("wrapper", provisionScript)
	for _, name := range append([]string{b.config.Manifest.Sandbox.Provision}, b.config.Manifest.Sandbox.Files...) {
		if err := key.File(name, filepath.Join(b.config.Manifest.Dir, name), false); err != nil {
			return err
		}
	}
	return nil
}

// debianLike returns nil on systems with apt and dpkg, over whose root a layer can be prepared.
func debianLike() error {
	for _, command := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(command); err != nil {
			return fmt.Errorf("no %s here: a layer over / can be prepared on Debian and its descendants only. "+
				"Elsewhere install mmdebstrap and write \"root: trixie\" in the manifest, or use --sandbox docker: %w", command, sandbox.ErrUnavailable)
		}
	}
	return nil
}

// workshop is the spec of a sandbox in which a script prepares a root: with the
// host's network, name servers and certificates. Its caller says over which root.
func (b *Backend) workshop(script string, args ...string) Spec {
	spec := Spec{
		Scratch:  b.scratch,
		Hostname: hostname,
		Inside:   wall.Provision,
		Tmpfs:    []Tmpfs{{"/tmp", 0o1777}, {"/run", 0o755}, {"/root", 0o700}},
		Binds:    []Bind{{b.inScratch("implementation"), sandbox.Implementation, true}},
		Argv:     append([]string{"/bin/sh", "-c", script, "provision"}, args...),
		Env:      append(slices.Clone(wall.Environment), "DEBIAN_FRONTEND=noninteractive"),
	}
	if _, err := os.Stat(certificates); err == nil {
		spec.Binds = append(spec.Binds, Bind{certificates, "/run/secrets/ca.crt", true})
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if value, set := os.LookupEnv(name); set {
			spec.Env = append(spec.Env, name+"="+value)
		}
	}
	hosts, _ := os.ReadFile("/etc/hosts") // absent: the two lines below are enough
	spec.Files = []File{{"/etc/hosts", string(hosts) + "127.0.0.1 localhost " + hostname + "\n"}}
	if servers, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		spec.Files = append(spec.Files, File{"/etc/resolv.conf", string(servers)})
	}
	return spec
}

// changes makes the two directories of an overlay's upper side in the tmpfs.
func (b *Backend) changes(name string) (string, error) {
	dir := b.inScratch(name)
	err := b.thread.do(func() error {
		for _, sub := range []string{"upper", "work"} {
			path := filepath.Join(dir, sub)
			if err := errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, 0o755)); err != nil {
				return fmt.Errorf("make folder in the scratch tmpfs: %w", err)
			}
		}
		return nil
	})
	return dir, err
}

// runWorkshop runs the spec's script to its end. All it prints goes to the log,
// lines like "[2/4] text" to progress as well.
func (b *Backend) runWorkshop(ctx context.Context, spec Spec, log io.Writer, progress sandbox.Progress) error {
	out := sandbox.NewTranscript(log, func(line string) {
		if stepLine.MatchString(line) {
			progress(line)
		}
	})
	p, err := b.spawn(spec, 0, out)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.Kill() })
	defer stop()
	p.End()
	io.Copy(out, p.Events())
	err = p.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%w: %w; its last words:\n%s", sandbox.ErrProvision, err, out.Last())
	}
	return nil
}

var stepLine = regexp.MustCompile(`^\[\d+/\d+\] `)

// pack writes the layer that lies in the tmpfs as tar to path, which lies in the cache. What the sandbox
// brings along anew each time stays out.
func (b *Backend) pack(dir, path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write layer: %w", err)
	}
	err = b.thread.do(func() error {
		return layer.Pack(out, dir, "dev", "proc", "sys", "run", "tmp", "root", "understudy", "etc/hosts", "etc/resolv.conf", "etc/hostname")
	})
	return errors.Join(err, out.Close())
}

// unpack unpacks a tar into a directory of the tmpfs.
func (b *Backend) unpack(in io.Reader, name string) error {
	return b.thread.do(func() error { return unpackInto(in, b.inScratch(name)) })
}

// unpackInto unpacks a tar into a new directory; what an earlier try left there is removed.
func unpackInto(in io.Reader, dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755)); err != nil {
		return fmt.Errorf("make the folder for a tar: %w", err)
	}
	return layer.Unpack(bufio.NewReaderSize(in, 1<<20), dir)
}
