package apart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// flood is set for a test binary whose tests start more and more processes. Its
// value says how they end.
const flood = "UNDERSTUDY_TEST_FLOOD"

// unable is set for one that is to be refused a namespace. Its value says by what.
const unable = "UNDERSTUDY_TEST_UNABLE"

// refusals are the ways in which containers refuse it: the namespace, already the
// first mount, or only the one of proc, as where /proc is masked.
var refusals = map[string]func() error{
	"no capability":    func() error { return unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0) },
	"a filter":         func() error { return refuseMounts(unix.MS_PRIVATE) },
	"what masks /proc": func() error { return refuseMounts(unix.MS_NOSUID) },
}

// refuseMounts has the kernel refuse mount(2) with one of these flags, for this thread
// and what it executes.
func refuseMounts(flags uint32) error {
	const number, fourth = 0, 16 + 3*8 // offsets in seccomp_data; of a little-endian argument the lower half
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MOUNT, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: fourth},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: flags, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func TestMain(m *testing.M) {
	end := os.Getenv(flood)
	if end == "" {
		os.Exit(Run(m.Run))
	}
	if refuse := refusals[os.Getenv(unable)]; refuse != nil {
		os.Unsetenv(unable)
		runtime.LockOSThread()
		err := refuse()
		if err == nil {
			err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(Run(func() int { return startFlood(end) }))
}

// isolated tells of tests whether they run below the first process of a namespace.
func isolated() bool { return os.Getppid() == 1 }

// startFlood starts what has to end with the tests: a loop of forks, in which no
// process lives long, and many that would live for an hour. They all hold the
// standard output.
func startFlood(end string) int {
	var err error
	programs := []string{"for i in 1 2 3 4 5 6 7 8 9 10; do sleep 3600 & done; exit 0", "step() { (step) & }; step; exit 0"}
	for _, program := range programs {
		cmd := exec.Command("/bin/sh", "-c", program)
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: isolated()}
		err = errors.Join(err, cmd.Start())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("it floods, isolated:", isolated())
	switch end {
	case "returns":
		return 7
	case "panics":
		go panic("in the midst of a test")
	case "is killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// TestNothingOutlivesTheTests waits for the end of the output, which everything
// that was started holds.
func TestNothingOutlivesTheTests(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, by := range append(slices.Sorted(maps.Keys(refusals)), "") {
		for end, code := range map[string]int{"returns": 7, "panics": 2, "is killed": 128 + 9, "its start is killed": -1} {
			t.Run(fmt.Sprintf("%s, refused a namespace by %q", end, by), func(t *testing.T) {
				cmd, output := startTests(t, end, by)
				line, err := bufio.NewReader(output).ReadString('\n')
				if want := fmt.Sprintln("it floods, isolated:", by == "" && isolated()); line != want {
					t.Fatalf("it says %q, %v, want %q", line, err, want)
				}
				if end == "its start is killed" {
					_ = cmd.Process.Kill()
				}
				_ = cmd.Wait()
				if got := cmd.ProcessState.ExitCode(); got != code {
					t.Errorf("exit code %d, want %d", got, code)
				}
				awaitEnd(t, output)
			})
		}
	}
	t.Run("at any moment", func(t *testing.T) {
		for i := range 20 {
			cmd, output := startTests(t, "never", []string{"", "no capability", "a filter"}[i%3])
			time.Sleep(rand.N(100 * time.Millisecond))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			awaitEnd(t, output)
		}
	})
}

// startTests runs this binary as one with tests, which is refused a namespace by
// something, or by nothing ("").
func startTests(t *testing.T, end, by string) (*exec.Cmd, *os.File) {
	t.Helper()
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { output.Close() })
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), flood+"="+end, unable+"="+by)
	cmd.Stdout = theirs
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, output
}

// awaitEnd waits until no process holds the output any more.
func awaitEnd(t *testing.T, output *os.File) {
	t.Helper()
	_ = output.SetReadDeadline(time.Now().Add(patience.Limit))
	if _, err := io.Copy(io.Discard, output); err != nil {
		t.Fatalf("something of the tests still lives: %v", err)
	}
}
