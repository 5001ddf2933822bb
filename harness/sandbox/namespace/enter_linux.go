package namespace

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// Enter turns the calling process, the first of new mount, pid, uts, ipc and
// (unless provisioning) net namespaces, into the first process of the sandbox.
// It then raises the wall and executes spec.Argv, with the new root as its only one and / as its working
// directory; it returns only errors.
func Enter(spec Spec) error {
	unix.Umask(0o022)
	if os.Getpid() != 1 {
		return fmt.Errorf("enter sandbox: process id is %d, not 1: a new pid namespace is needed", os.Getpid())
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	sources, err := openBinds(spec.Binds)
	if err != nil {
		return err
	}
	if err := mountRoot(spec); err != nil {
		return err
	}
	if err := mountKernel(); err != nil {
		return err
	}
	if !spec.Trusted {
		if err := maskKernel(); err != nil {
			return err
		}
	}
	old, err := pivot()
	if err != nil {
		return err
	}
	if err := furnish(spec, sources); err != nil {
		return err
	}
	if err := leave(old); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("set host name %q: %w", spec.Hostname, err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	// The thread that executes need not be the one that the backend has tied to its own life.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("end with the outer command: %w", err)
	}
	if spec.Trusted {
		err := unix.Exec(spec.Argv[0], spec.Argv, spec.Env)
		return fmt.Errorf("execute %s in the sandbox: %w", spec.Argv[0], err)
	}
	return wall.Exec(spec.Argv, spec.Env, spec.Inside)
}

// openBinds opens the sources before anything covers them; closed by exec.
func openBinds(binds []Bind) ([]int, error) {
	fds := make([]int, len(binds))
	for i, b := range binds {
		fd, err := unix.Open(b.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s, to be shown as %s: %w", b.Source, b.Target, err)
		}
		fds[i] = fd
	}
	return fds, nil
}

// mountRoot mounts the new root and makes it the working directory. Directories
// are named to the kernel by descriptor, so that commas and colons in paths do
// not matter and the scratch tmpfs may cover them.
func mountRoot(spec Spec) error {
	open := func(path string) (string, error) {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", fmt.Errorf("open %s for the sandbox root: %w", path, err)
		}
		return fmt.Sprintf("/proc/self/fd/%d", fd), nil
	}
	var lower []string
	for _, path := range spec.Lower {
		by, err := open(path)
		if err != nil {
			return err
		}
		lower = append(lower, by)
	}
	var upper, work string
	if spec.Upper != "" {
		var err error
		if upper, err = open(filepath.Join(spec.Upper, "upper")); err != nil {
			return err
		}
		if work, err = open(filepath.Join(spec.Upper, "work")); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", spec.Scratch, "tmpfs", unix.MS_NODEV, "mode=755"+sized(spec)); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", spec.Scratch, err)
	}
	root := filepath.Join(spec.Scratch, "root")
	if spec.Upper == "" {
		upper, work = filepath.Join(spec.Scratch, "upper"), filepath.Join(spec.Scratch, "work")
	}
	for _, dir := range []string{root, upper, work} {
		if strings.HasPrefix(dir, spec.Scratch+"/") {
			if err := os.Mkdir(dir, 0o755); err != nil {
				return fmt.Errorf("make folder in the scratch tmpfs: %w", err)
			}
		}
	}
	if spec.Writable {
		if err := unix.Mount(lower[0], root, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s as sandbox root: %w", spec.Lower[0], err)
		}
		if err := unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|noDevices(spec), ""); err != nil {
			return fmt.Errorf("forbid device nodes in %s: %w", spec.Lower[0], err)
		}
	} else {
		options := "index=off,redirect_dir=off,metacopy=off,lowerdir=" + strings.Join(lower, ":") + ",upperdir=" + upper + ",workdir=" + work
		if err := unix.Mount("overlay", root, "overlay", noDevices(spec), options); err != nil {
			return fmt.Errorf("mount overlay of %s: %w", strings.Join(spec.Lower, ":"), err)
		}
	}
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter sandbox root: %w", err)
	}
	return nil
}

// sized is the option of a tmpfs that bounds it: all of a sandbox together stay below its bound of memory, since files that
// nobody removes would leave the kernel nothing but processes to free. What prepares a root unpacks more.
func sized(spec Spec) string {
	if spec.Inside == wall.Provision || spec.Trusted {
		return fmt.Sprintf(",size=%d", sandbox.MaxMemory/2)
	}
	return fmt.Sprintf(",size=%d", sandbox.MaxTmpfs)
}

// noDevices is nodev, but where our own script makes the nodes of a new root.
func noDevices(spec Spec) uintptr {
	if spec.Trusted {
		return 0
	}
	return unix.MS_NODEV
}

// mountKernel mounts proc, sys and dev below the working directory. Device nodes are bound
// from outside, since mknod is refused in most containers.
func mountKernel() error {
	for _, dir := range []string{"proc", "sys", "dev"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
	}
	const quiet = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
	mounts := []struct {
		source, target, kind string
		flags                uintptr
		options              string
	}{
		{"proc", "proc", "proc", quiet, ""},
		{"sysfs", "sys", "sysfs", quiet | unix.MS_RDONLY, ""},
		{"tmpfs", "dev", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=64k"},
		{"devpts", "dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5"},
		{"shm", "dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777,size=64m"},
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
		err := unix.Mount(m.source, m.target, m.kind, m.flags, m.options)
		if m.kind == "sysfs" && errors.Is(err, unix.EPERM) {
			continue // with the host's network in a container; nothing needs it
		}
		if err != nil {
			return fmt.Errorf("mount %s on /%s: %w", m.kind, m.target, err)
		}
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		node := filepath.Join("dev", name)
		if err := os.WriteFile(node, nil, 0o666); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
		if err := bindNode("/"+node, node); err != nil {
			return err
		}
	}
	links := map[string]string{
		"dev/fd": "/proc/self/fd", "dev/stdin": "/proc/self/fd/0", "dev/stdout": "/proc/self/fd/1",
		"dev/stderr": "/proc/self/fd/2", "dev/ptmx": "pts/ptmx",
	}
	for link, to := range links {
		if err := os.Symlink(to, link); err != nil {
			return fmt.Errorf("make /%s: %w", link, err)
		}
	}
	return nil
}

// bindNode shows a device node of the machine: to be used, while owner, mode and times stay as they are for everybody.
func bindNode(node, target string) error {
	if err := unix.Mount(node, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", node, err)
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("protect %s, shown as %s: %w", node, target, err)
	}
	return nil
}

// pivot makes the working directory the root and returns the old one, which stays
// mounted until leave. Where pivot_root is filtered (a container with SYS_ADMIN
// only), the root is moved over the old one instead, and there is no old one to leave.
func pivot() (old int, err error) {
	old, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open old root: %w", err)
	}
	err = unix.PivotRoot(".", ".")
	if err == nil {
		return old, nil
	}
	if !errors.Is(err, unix.EPERM) {
		return -1, fmt.Errorf("pivot into the sandbox root: %w", err)
	}
	unix.Close(old)
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return -1, fmt.Errorf("pivot_root is not permitted; move the sandbox root to / instead: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return -1, fmt.Errorf("pivot_root is not permitted; chroot instead: %w", err)
	}
	return -1, nil
}

// furnish mounts and writes what the spec names, inside the new root, so that
// symbolic links of the root cannot lead out of it.
func furnish(spec Spec, sources []int) error {
	for _, t := range spec.Tmpfs {
		if err := os.MkdirAll(t.Path, 0o755); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
		if err := unix.Mount("tmpfs", t.Path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=%o", t.Mode)+sized(spec)); err != nil {
			return fmt.Errorf("mount tmpfs on %s: %w", t.Path, err)
		}
	}
	for i, b := range spec.Binds {
		if err := bind(b, sources[i]); err != nil {
			return fmt.Errorf("show %s as %s: %w", b.Source, b.Target, err)
		}
	}
	if spec.Cover {
		own := []string{"proc", "sys", "dev"}
		for _, t := range spec.Tmpfs {
			own = append(own, topOf(t.Path))
		}
		for _, b := range spec.Binds {
			own = append(own, topOf(b.Target))
		}
		if err := cover(own); err != nil {
			return err
		}
	}
	for _, f := range spec.Files {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		if err := os.Remove(f.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("replace %s: %w", f.Path, err)
		}
		if err := os.WriteFile(f.Path, []byte(f.Text), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

// topOf is the first folder of an absolute path.
func topOf(path string) string {
	top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return top
}

func bind(b Bind, source int) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := os.MkdirAll(b.Target, 0o755); err != nil {
			return err
		}
	} else {
		if err := os.MkdirAll(filepath.Dir(b.Target), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(b.Target, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		f.Close()
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", source), b.Target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	unix.Close(source)
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV)
	if b.ReadOnly {
		flags |= unix.MS_RDONLY
	}
	return unix.Mount("", b.Target, "", flags, "")
}

// leave detaches the old root and everything below it.
func leave(old int) error {
	if old >= 0 {
		if err := unix.Fchdir(old); err != nil {
			return fmt.Errorf("enter old root: %w", err)
		}
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return fmt.Errorf("detach old root: %w", err)
		}
		unix.Close(old)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter new root: %w", err)
	}
	return nil
}

// loopbackUp brings up lo, which a new net namespace has down; harmless where it is up.
func loopbackUp() error {
	if lo, err := net.InterfaceByName("lo"); err == nil && lo.Flags&net.FlagUp != 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket for the loopback device: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("name the loopback device: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring up the loopback device: %w", err)
	}
	return nil
}
