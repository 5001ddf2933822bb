package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// Available returns nil where this process may make namespaces and file what
// layers are made of, otherwise an error that wraps sandbox.ErrUnavailable and
// says what is missing.
func Available() error {
	if err := allowed(os.Geteuid()); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("namespace: read the capabilities of this process: %w", err)
	}
	if err := capable(string(status)); err != nil {
		return err
	}
	scratch, err := scratchFor()
	if err != nil {
		return err
	}
	t, err := newThread(scratch)
	if err != nil {
		return fmt.Errorf("namespace: %w: %w", err, sandbox.ErrUnavailable)
	}
	defer t.close()
	return t.do(func() error { return layered(scratch) })
}

func allowed(uid int) error {
	if uid != 0 {
		return fmt.Errorf("namespace: needs root, and this is user %d: start it with sudo, or start a Docker engine: %w", uid, sandbox.ErrUnavailable)
	}
	return nil
}

// toMake are the capabilities without which a sandbox cannot be made. What it is then judged with must be there, too.
var toMake = []wall.Need{
	{Name: "SYS_ADMIN", Bit: unix.CAP_SYS_ADMIN, Use: "makes namespaces and mounts"},
	{Name: "NET_ADMIN", Bit: unix.CAP_NET_ADMIN, Use: "brings up the loopback device of a sandbox"},
	{Name: "SETPCAP", Bit: unix.CAP_SETPCAP, Use: "leaves capabilities outside a sandbox"},
}

// capable reads /proc/self/status. A sandbox gets at most what is both effective and in the bounding set.
func capable(status string) error {
	effective, err := wall.Set(status, "CapEff")
	if err != nil {
		return fmt.Errorf("namespace: %w: %w", err, sandbox.ErrUnavailable)
	}
	bounding, err := wall.Set(status, "CapBnd")
	if err != nil {
		return fmt.Errorf("namespace: %w: %w", err, sandbox.ErrUnavailable)
	}
	if missing := wall.Missing(slices.Concat(toMake, wall.Needed), effective&bounding, bounding); len(missing) > 0 {
		return fmt.Errorf("namespace: this process lacks capabilities: %s: in a container add them (--cap-add, securityContext), or use --sandbox docker: %w",
			strings.Join(missing, ", "), sandbox.ErrUnavailable)
	}
	return nil
}

// layered makes an overlay with a replaced folder below dir, a tmpfs, as every layer may have one. Root of a
// user namespace, as in a rootless container, has all capabilities and may not do that.
func layered(dir string) error {
	at := func(name string) string { return filepath.Join(dir, "available", name) }
	for _, name := range []string{"lower", "upper", "work", "root"} {
		if err := os.MkdirAll(at(name), 0o755); err != nil {
			return fmt.Errorf("namespace: make a folder in the scratch tmpfs: %w", err)
		}
	}
	err := unix.Lsetxattr(at("lower"), "trusted.overlay.opaque", []byte("y"), 0)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("namespace: rootless container: this root is not root of the machine and may not set the extended attribute trusted.overlay.opaque, which layers need (%w): "+
			"use a container with the machine's user namespace, or --sandbox docker: %w", err, sandbox.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("namespace: set the extended attribute trusted.overlay.opaque, which layers need, on a tmpfs: %w: %w", err, sandbox.ErrUnavailable)
	}
	if err := unix.Mount("overlay", at("root"), "overlay", 0, "lowerdir="+at("lower")+",upperdir="+at("upper")+",workdir="+at("work")); err != nil {
		return fmt.Errorf("namespace: mount an overlay: %w: %w", err, sandbox.ErrUnavailable)
	}
	if err := errors.Join(unix.Unmount(at("root"), unix.MNT_DETACH), os.RemoveAll(at(""))); err != nil {
		return fmt.Errorf("namespace: remove an overlay: %w", err)
	}
	return nil
}
