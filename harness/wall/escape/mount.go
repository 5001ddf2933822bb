package escape

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// commands tries to make a file beside this program, where that is a mount: a folder that is shared. In a container
// it is a copy of its own.
func commands(Outside) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var root, shared unix.Stat_t
	if err := errors.Join(unix.Stat("/", &root), unix.Stat(filepath.Dir(program), &shared)); err != nil {
		return err
	}
	if root.Dev == shared.Dev {
		return fmt.Errorf("%w: they are this sandbox's own copy", errRefused)
	}
	path := filepath.Join(filepath.Dir(program), "escape")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(path))
}

func deviceNode(Outside) error {
	path := temporary("null")
	const null = 1<<8 | 3
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, null); err != nil {
		return fmt.Errorf("mknod: %w", err)
	}
	defer os.Remove(path)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// nodeOfTheMachine gives nodes the mode that they have, where they are those of the machine: on a mount of their own, or in the
// /dev of the machine itself.
func nodeOfTheMachine(Outside) error {
	var dev, node unix.Stat_t
	if err := unix.Stat("/dev", &dev); err != nil {
		return err
	}
	var refused error
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/proc/keys", "/proc/timer_list"} {
		if err := unix.Stat(path, &node); err != nil || node.Mode&unix.S_IFMT != unix.S_IFCHR {
			continue
		}
		if own, err := isContainer(); err == nil && own && node.Dev == dev.Dev {
			refused = fmt.Errorf("%w: the nodes are this sandbox's own", errRefused)
			continue
		}
		err := unix.Chmod(path, node.Mode&0o7777)
		if err == nil {
			return nil
		}
		refused = fmt.Errorf("chmod %s: %w", path, err)
	}
	return refused
}

// isContainer says whether /dev is a tmpfs, in which an engine has made nodes, and not the kernel's own devtmpfs.
func isContainer() (bool, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		mount, kind, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(mount); len(fields) > 4 && fields[4] == "/dev" {
			return strings.HasPrefix(kind, "tmpfs "), nil
		}
	}
	return false, nil
}

func mountTmpfs(Outside) error {
	dir := temporary("mount")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer os.Remove(dir)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

func fsopen(Outside) error {
	fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	return unix.Close(fd)
}

// unmount is tried on a folder that is no mount: with the right to unmount the answer is EINVAL.
func unmount(Outside) error {
	dir := temporary("unmount")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer os.Remove(dir)
	err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || err == nil {
		return nil
	}
	return fmt.Errorf("umount: %w", err)
}

// remount asks for what /proc is already: with the right to it nothing changes.
func remount(Outside) error {
	var now unix.Statfs_t
	if err := unix.Statfs("/proc", &now); err != nil {
		return err
	}
	const kept = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC // the same bits as in the answer
	if err := unix.Mount("", "/proc", "", unix.MS_BIND|unix.MS_REMOUNT|uintptr(now.Flags)&kept, ""); err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	return nil
}

func handle(Outside) error {
	h, mount, err := unix.NameToHandleAt(unix.AT_FDCWD, "/etc", 0)
	_ = mount
	if err != nil {
		h = unix.NewFileHandle(1, make([]byte, 8)) // overlayfs may give none: the call is what counts
	}
	dir, err := unix.Open("/etc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	fd, err := unix.OpenByHandleAt(dir, h, unix.O_RDONLY|unix.O_CLOEXEC)
	switch {
	case err == nil:
		return unix.Close(fd)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("open_by_handle_at: %w", err)
	}
	return nil // allowed, and only the handle is of no use
}
