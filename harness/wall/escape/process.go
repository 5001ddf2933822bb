package escape

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// inherited are the descriptors that this process was started with. Those of Go's runtime are left out: it polls, and reads the
// limits of its control group.
func inherited() []string {
	var list []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		number, _ := strconv.Atoi(entry.Name())
		if err != nil || number <= 2 || strings.HasPrefix(target, "anon_inode:[event") || strings.HasPrefix(target, "/sys/fs/cgroup/") || strings.HasSuffix(target, "/fd") {
			continue
		}
		list = append(list, entry.Name()+" -> "+target)
	}
	return list
}

// atStart is taken before anything here opens a file.
var atStart = inherited()

func ownDescriptors(Outside) error {
	if len(atStart) == 0 {
		return fmt.Errorf("%w: this process has descriptors 0, 1 and 2 and no others", errRefused)
	}
	return nil
}

func traceInit(Outside) error   { return traces(1) }
func traceParent(Outside) error { return traces(os.Getppid()) }

// traces seizes a process, which does not stop it, and lets go of it.
func traces(pid int) error {
	if pid == os.Getpid() || pid == 0 {
		return fmt.Errorf("%w: no other process", errAbsent)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PtraceSeize(pid); err != nil {
		return fmt.Errorf("trace process %d: %w", pid, err)
	}
	// What is traced lets go only when it is stopped; when this thread ends, at the latest.
	_ = unix.PtraceInterrupt(pid)
	var status unix.WaitStatus
	_, _ = unix.Wait4(pid, &status, unix.WALL, nil)
	_ = unix.PtraceDetach(pid)
	return nil
}

// docker are the capabilities of Docker's default without MKNOD, as /proc/PID/status writes them: not by the list that is to be
// judged.
const docker = 0xa00425fb

// capabilities looks for some in the bounding set, which root and set-user-id programs get; without any, for all but
// those that are kept.
func capabilities(wanted ...cap.Value) func(Outside) error {
	return func(Outside) error {
		if len(wanted) == 0 {
			for value := range cap.MaxBits() {
				if docker&(1<<value) == 0 {
					wanted = append(wanted, value)
				}
			}
		}
		for _, value := range wanted {
			if in, err := cap.GetBound(value); err == nil && in {
				return nil
			}
			if has, err := cap.GetProc().GetFlag(cap.Permitted, value); err == nil && has {
				return nil
			}
		}
		return fmt.Errorf("%w: the bounding set has none of it", errRefused)
	}
}
