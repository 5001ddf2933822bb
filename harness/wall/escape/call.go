package escape

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func rawIO(Outside) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %s has no ports", errAbsent, runtime.GOARCH)
	}
	const ioperm = 173
	_, err := call("ioperm", ioperm, 0x80, 1, 1)
	return err
}

// call makes a system call and returns its result. Where the kernel does not have it there is nothing to try.
func call(name string, number uintptr, arguments ...uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], arguments)
	result, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	switch errno {
	case 0:
		return result, nil
	case unix.ENOSYS:
		return 0, fmt.Errorf("%w: %s: %w", errAbsent, name, errno)
	}
	return 0, fmt.Errorf("%s: %w", name, errno)
}

// descriptor is call for those that give one.
func descriptor(name string, number uintptr, arguments ...uintptr) error {
	fd, err := call(name, number, arguments...)
	if err != nil {
		return err
	}
	return unix.Close(int(fd))
}

func keyring(Outside) error {
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_SESSION_KEYRING, false); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("keyctl: %w", err)
	} else if errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return nil // a keyring, or the word that there is none
}

func addKey(Outside) error {
	_, err := unix.AddKey("user", "understudy-escape", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
	if errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	if err != nil {
		return fmt.Errorf("add_key: %w", err)
	}
	return nil
}

func requestKey(Outside) error {
	_, err := unix.RequestKey("user", "understudy-escape-none", "", unix.KEY_SPEC_PROCESS_KEYRING)
	switch {
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: %w", errAbsent, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("request_key: %w", err)
	}
	return nil // the call was made: there is no such key
}

// bpf asks for a program that is none: with the right to it the answer is another than EPERM.
func bpf(Outside) error {
	const mapCreate = 0
	attribute := [4]uint32{2, 4, 4, 1} // an array with one element of four octets
	return descriptor("bpf", unix.SYS_BPF, mapCreate, uintptr(unsafe.Pointer(&attribute)), unsafe.Sizeof(attribute))
}

func perf(Outside) error {
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
	}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC) // of everybody on one CPU
	if errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	if err != nil {
		return fmt.Errorf("perf_event_open: %w", err)
	}
	return unix.Close(fd)
}

func userfault(Outside) error { return descriptor("userfaultfd", unix.SYS_USERFAULTFD, unix.O_CLOEXEC) }

func ioUring(Outside) error {
	var parameters [120]byte
	return descriptor("io_uring_setup", unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)))
}

// unshares is tried by a thread that ends, so that nothing else of this process is moved.
func unshares(flag int) func(Outside) error {
	return func(Outside) error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked
			// A user namespace can only be made for a process of one thread: EINVAL says that it would be possible.
			err := unix.Unshare(flag)
			if errors.Is(err, unix.EINVAL) && flag == unix.CLONE_NEWUSER {
				err = nil
			}
			done <- err
		}()
		if err := <-done; err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		return nil
	}
}

func childNamespace(Outside) error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	return cmd.Run()
}

// clone3 with arguments that are too short: a kernel that looks at them says EINVAL, a filter ENOSYS.
func clone3(Outside) error {
	_, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0)
	if errno == unix.EINVAL || errno == unix.EFAULT || errno == 0 {
		return nil
	}
	return fmt.Errorf("clone3: %w", errno)
}

func joinNamespace(Outside) error {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWUTS); err != nil { // its own: nothing changes
		return fmt.Errorf("setns: %w", err)
	}
	return nil
}

// sockets tries to make one of a family.
func sockets(family, kind int) func(Outside) error {
	return func(Outside) error {
		err := descriptor("socket", unix.SYS_SOCKET, uintptr(family), uintptr(kind|unix.SOCK_CLOEXEC))
		if errors.Is(err, unix.EAFNOSUPPORT) {
			return fmt.Errorf("%w: %w", errAbsent, err)
		}
		return err
	}
}
