package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// shown are the folders at the top of the machine's root that "root: host" shows: those of the operating system, and /opt,
// where implementations are installed. Everything else there is empty. A symbolic link, like /bin, leads where it did.
var shown = []string{"bin", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var"}

// What Docker hides and makes read-only: parts of /proc and /sys that are the machine's, whoever mounts them.
var (
	masked = []string{
		"proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug", "proc/scsi",
		"proc/timer_list", "proc/timer_stats", "sys/firmware", "sys/devices/virtual/powercap",
	}
	readOnly = []string{"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"}
)

// maskKernel hides and protects what is the machine's in proc and sys below the working directory. What a kernel does not
// have needs no mask.
func maskKernel() error {
	for _, path := range masked {
		if err := hide(path); err != nil {
			return err
		}
	}
	for _, path := range readOnly {
		err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, "")
		if err == nil {
			err = unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("make /%s read-only: %w", path, err)
		}
	}
	return nil
}

// hide covers a folder by an empty one, and anything else by /dev/null.
func hide(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=0,mode=755")
	} else if err == nil {
		err = bindNode("/dev/null", path)
	}
	if err != nil {
		return fmt.Errorf("hide /%s: %w", path, err)
	}
	return nil
}

// cover hides what lies at the top of the root and is neither in shown nor made by the sandbox itself.
func cover(own []string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return fmt.Errorf("list the root: %w", err)
	}
	for _, entry := range entries {
		if slices.Contains(shown, entry.Name()) || slices.Contains(own, entry.Name()) || entry.Type()&os.ModeSymlink != 0 {
			continue
		}
		if err := hide(filepath.Join("/", entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
