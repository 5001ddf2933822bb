package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
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

// needed are the capabilities without which a sandbox cannot be made, or nothing be judged in it, and
// what needs them.
var needed = []struct {
	name string
	bit  int
	use  string
}{
	{"SYS_ADMIN", unix.CAP_SYS_ADMIN, "makes namespaces and mounts"},
	{"NET_ADMIN", unix.CAP_NET_ADMIN, "brings up the loopback device of a sandbox"},
	{"SYS_PTRACE", unix.CAP_SYS_PTRACE, "looks into processes of other users"},
	{"SETPCAP", unix.CAP_SETPCAP, "leaves capabilities outside a sandbox"},
	{"KILL", unix.CAP_KILL, "ends processes of other users"},
	{"AUDIT_WRITE", unix.CAP_AUDIT_WRITE, "lets sudo write its audit record"},
	{"SETUID", unix.CAP_SETUID, "lets sudo become another user"},
	{"SETGID", unix.CAP_SETGID, "lets sudo become another group"},
	{"CHOWN", unix.CAP_CHOWN, "gives files to accounts"},
	{"DAC_OVERRIDE", unix.CAP_DAC_OVERRIDE, "reads and writes files of all accounts"},
	{"FOWNER", unix.CAP_FOWNER, "sets modes of files of all accounts"},
}

// capable reads /proc/self/status. A sandbox gets at most what is both effective and in the bounding set.
func capable(status string) error {
	var missing []string
	for _, c := range needed {
		if capabilities(status, "CapEff")&capabilities(status, "CapBnd")&(1<<c.bit) == 0 {
			missing = append(missing, fmt.Sprintf("%s (%s)", c.name, c.use))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("namespace: this process lacks capabilities: %s: in a container add them (--cap-add, securityContext), or use --sandbox docker: %w",
			strings.Join(missing, ", "), sandbox.ErrUnavailable)
	}
	return nil
}

// capabilities returns one set of a status file; one that cannot be read is empty.
func capabilities(status, name string) uint64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			set, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return set
		}
	}
	return 0
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
