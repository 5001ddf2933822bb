package escape

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/understudy-conformance/understudy/harness/wall"
)

// absent turns errors that say that there is nothing to try.
func absent(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return err
}

// opens tries to open any of the paths.
func opens(flags int, patterns ...string) func(Outside) error {
	return func(Outside) error {
		return first(patterns, func(path string) error {
			fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
			if err != nil {
				return absent(&os.PathError{Op: "open", Path: path, Err: err})
			}
			return unix.Close(fd)
		})
	}
}

// first tries all paths until one gets through; what refused the first stands for all.
func first(patterns []string, try func(path string) error) error {
	var refused error
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			err := try(path)
			if err == nil {
				return nil
			}
			if refused == nil || errors.Is(refused, errAbsent) {
				refused = err
			}
		}
	}
	if refused == nil {
		return fmt.Errorf("%w: %s", errAbsent, strings.Join(patterns, ", "))
	}
	return refused
}

var errEmpty = errors.New("is empty")

// reads tries to read something.
func reads(path string) func(Outside) error {
	return func(Outside) error {
		file, err := os.Open(path)
		if err != nil {
			return absent(err)
		}
		defer file.Close()
		if n, err := file.Read(make([]byte, 64)); n == 0 {
			return fmt.Errorf("%s %w: %v", path, errEmpty, err)
		}
		return nil
	}
}

func lists(path string) func(Outside) error {
	return func(Outside) error {
		entries, err := os.ReadDir(path)
		if err != nil {
			return absent(err)
		}
		if len(entries) == 0 {
			return fmt.Errorf("%s %w", path, errEmpty)
		}
		return nil
	}
}

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
		return errors.New("they are this sandbox's own copy")
	}
	path := filepath.Join(filepath.Dir(program), "escape")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(path))
}

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
		return errors.New("this process has descriptors 0, 1 and 2 and no others")
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

// capabilities looks for some in the bounding set, which root and set-user-id programs get; without any, for all but
// those that are kept.
func capabilities(wanted ...cap.Value) func(Outside) error {
	return func(Outside) error {
		if len(wanted) == 0 {
			for value := range cap.MaxBits() {
				if !slices.Contains(wall.Kept, value) {
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
		return errors.New("the bounding set has none of it")
	}
}

// temporary is a name in a folder that everybody may write.
func temporary(name string) string {
	return filepath.Join("/tmp", fmt.Sprintf("understudy-escape-%d-%s", os.Getpid(), name))
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

func rawIO(Outside) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %s has no ports", errAbsent, runtime.GOARCH)
	}
	const ioperm = 173
	return call("ioperm", ioperm, 0x80, 1, 1)
}

// call makes a system call and closes the descriptor that it may give.
func call(name string, number uintptr, arguments ...uintptr) error {
	var a [6]uintptr
	copy(a[:], arguments)
	_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	switch errno {
	case 0:
		return nil
	case unix.ENOSYS:
		if name != "clone3" { // where the answer is the filter's
			return fmt.Errorf("%w: %s: %w", errAbsent, name, errno)
		}
	}
	return fmt.Errorf("%s: %w", name, errno)
}

// descriptor is call for those that give one.
func descriptor(name string, number uintptr, arguments ...uintptr) error {
	var a [6]uintptr
	copy(a[:], arguments)
	fd, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno == unix.ENOSYS {
		return fmt.Errorf("%w: %s: %w", errAbsent, name, errno)
	}
	if errno != 0 {
		return fmt.Errorf("%s: %w", name, errno)
	}
	return unix.Close(int(fd))
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
	err := unix.Unmount("/usr", unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EINVAL) || err == nil {
		return nil
	}
	return fmt.Errorf("umount: %w", err)
}

// remount asks for what /proc is already: with the right to it nothing changes.
func remount(Outside) error {
	if err := unix.Mount("", "/proc", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
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

// calls32 is keyctl(KEYCTL_GET_KEYRING_ID, session keyring) by the interrupt of 32-bit programs, whose filter is another. The
// program ends with 0 if the call was made, else with its error number.
func calls32(Outside) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: %s", errAbsent, runtime.GOARCH)
	}
	path := temporary("32")
	if err := os.WriteFile(path, program32(), 0o700); err != nil {
		return err
	}
	defer os.Remove(path)
	err := exec.Command(path).Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return fmt.Errorf("keyctl of 32 bit: %w", syscall.Errno(exit.ExitCode()))
	case errors.As(err, &exit):
		return fmt.Errorf("keyctl of 32 bit: %w", err)
	}
	return fmt.Errorf("%w: %w", errAbsent, err) // a kernel without 32 bit
}

// program32 is a static ELF program for i386.
func program32() []byte {
	const base = 0x08048000
	code := []byte{
		0xb8, 0x20, 0x01, 0x00, 0x00, // mov eax, 288: keyctl
		0x31, 0xdb, // xor ebx, ebx: KEYCTL_GET_KEYRING_ID
		0xb9, 0xfb, 0xff, 0xff, 0xff, // mov ecx, -5: KEY_SPEC_USER_SESSION_KEYRING
		0x31, 0xd2, // xor edx, edx
		0xcd, 0x80, // int 0x80
		0x31, 0xdb, // xor ebx, ebx
		0x85, 0xc0, // test eax, eax
		0x79, 0x04, // jns +4
		0xf7, 0xd8, // neg eax
		0x89, 0xc3, // mov ebx, eax
		0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1: exit
		0xcd, 0x80, // int 0x80
	}
	const head = 52 + 32
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	word := func(values ...uint32) {
		for _, v := range values {
			b.Write([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)})
		}
	}
	word(2|3<<16, 1, base+head, 52, 0, 0, 52|32<<16, 1, 0) // executable, i386, one program header
	b.Truncate(52)
	for b.Len() < 52 {
		b.WriteByte(0)
	}
	size := uint32(head + len(code))
	word(1, 0, base, base, size, size, 5, 0x1000)
	b.Write(code)
	return b.Bytes()
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
	err := call("clone3", unix.SYS_CLONE3, 0, 0)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EFAULT) {
		return nil
	}
	return err
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

func vsock(Outside) error {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	if err != nil {
		return fmt.Errorf("socket of AF_VSOCK: %w", err)
	}
	return unix.Close(fd)
}

// needs says that a test has to plant what is looked for.
func needs(planted bool) error {
	if !planted {
		return fmt.Errorf("%w: nothing was planted", errAbsent)
	}
	return nil
}

// ways are the paths by which a file of outside may be reached.
func ways(path string) []string {
	return []string{path, "/proc/1/root" + path, "/proc/1/cwd" + path}
}

func filesRead(o Outside) error {
	if err := needs(len(o.Files) > 0); err != nil {
		return err
	}
	for _, file := range o.Files {
		for _, path := range ways(file) {
			if text, err := os.ReadFile(path); err == nil && bytes.HasPrefix(text, []byte(o.Canary)) {
				return nil
			}
		}
	}
	return errors.New("none of the files is there")
}

func filesWritten(o Outside) error {
	if err := needs(len(o.Files) > 0); err != nil {
		return err
	}
	for _, file := range o.Files {
		for _, path := range ways(file) {
			if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
				return f.Close()
			}
		}
	}
	return errors.New("none of the files is there")
}

// ofProcesses looks for the canary in a file of every process but this one.
func ofProcesses(o Outside, name string) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	paths, err := filepath.Glob("/proc/[0-9]*/" + name)
	if err != nil {
		return err
	}
	self := fmt.Sprintf("/proc/%d/", os.Getpid())
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(o.Canary)) && !strings.HasPrefix(path, self) && !ours(text) {
			return nil
		}
	}
	return fmt.Errorf("no process has it among %d", len(paths))
}

// ours recognises the arguments of the processes that make these attempts, which name the canary.
func ours(text []byte) bool { return bytes.Contains(text, []byte("understudy-worker")) }

func processes(o Outside) error { return ofProcesses(o, "cmdline") }

func environment(o Outside) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	for _, variable := range os.Environ() {
		if strings.Contains(variable, o.Canary) {
			return nil
		}
	}
	return ofProcesses(o, "environ")
}

func descriptors(o Outside) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return err
	}
	looked := 0
	for _, link := range links {
		info, err := os.Stat(link)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file, err := os.Open(link)
		if err != nil {
			continue
		}
		looked++
		text := make([]byte, len(o.Canary))
		_, _ = file.ReadAt(text, 0)
		_ = file.Close()
		if string(text) == o.Canary {
			return nil
		}
	}
	return fmt.Errorf("none of the %d files that could be opened by a descriptor has it", looked)
}

const dialTime = 2 * time.Second

func network(o Outside) error {
	if err := needs(o.Port > 0); err != nil {
		return err
	}
	return dials("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
}

func abstractSocket(o Outside) error {
	if err := needs(o.Abstract != ""); err != nil {
		return err
	}
	return dials("unix", "@"+o.Abstract)
}

func dials(network, address string) error {
	conn, err := net.DialTimeout(network, address, dialTime)
	if err != nil {
		return err
	}
	return conn.Close()
}

// forkBomb has as many children as asked for, at the same time, and ends them.
func forkBomb(o Outside) error {
	if err := needs(o.Processes > 0); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	var pids []int
	defer func() {
		write.Close() // their input ends, and they with it
		for _, pid := range pids {
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}()
	for range o.Processes {
		pid, err := syscall.ForkExec("/bin/cat", []string{"cat"}, &syscall.ProcAttr{Files: []uintptr{read.Fd(), 1, 2}})
		if err != nil {
			return fmt.Errorf("after %d processes: %w", len(pids), err)
		}
		pids = append(pids, pid)
	}
	return nil
}

// hogArgument makes this program take memory, in a process of its own: the kernel may kill it.
const hogArgument = "hog"

func memoryHog(o Outside) error {
	if err := needs(o.Memory > 0); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", "escape", hogArgument, strconv.Itoa(o.Memory))
	// Killed first where memory ends.
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("1000"), 0)
	return cmd.Wait()
}

// hog takes so many octets of memory and touches each page.
func hog(octets int) error {
	memory, err := unix.Mmap(-1, 0, octets, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return unix.Munmap(memory)
}

func tmpfsHog(o Outside) error {
	if err := needs(o.Tmpfs > 0); err != nil {
		return err
	}
	path := temporary("hog")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(o.Tmpfs)); err != nil {
		return fmt.Errorf("make a file of %d octets: %w", o.Tmpfs, err)
	}
	return nil
}
