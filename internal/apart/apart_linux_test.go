package apart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// flood is set for a test binary whose tests start more and more processes. Its
// value says how they end.
const flood = "UNDERSTUDY_TEST_FLOOD"

func TestMain(m *testing.M) {
	end := os.Getenv(flood)
	if end == "" {
		os.Exit(Run(m.Run))
	}
	if os.Getenv("UNDERSTUDY_TEST_UNABLE") != "" {
		os.Unsetenv("UNDERSTUDY_TEST_UNABLE")
		err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0)
		if err == nil {
			err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(Run(func() int { return startFlood(end) }))
}

// startFlood starts what has to end with the tests: a loop of forks, in which no
// process lives long, and many that would live for an hour. They all hold the
// standard output.
func startFlood(end string) int {
	apart, err := mayIsolate()
	programs := []string{"for i in 1 2 3 4 5 6 7 8 9 10; do sleep 3600 & done; exit 0", "step() { (step) & }; step; exit 0"}
	for _, program := range programs {
		cmd := exec.Command("/bin/sh", "-c", program)
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: apart}
		err = errors.Join(err, cmd.Start())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("it floods")
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
	for _, unable := range []bool{false, true} {
		for end, code := range map[string]int{"returns": 7, "panics": 2, "is killed": 128 + 9, "its start is killed": -1} {
			t.Run(fmt.Sprintf("%s, unable to make namespaces %v", end, unable), func(t *testing.T) {
				cmd, output := startTests(t, end, unable)
				line, err := bufio.NewReader(output).ReadString('\n')
				if line != "it floods\n" {
					t.Fatalf("it says %q, %v", line, err)
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
			cmd, output := startTests(t, "never", i%2 == 0)
			time.Sleep(rand.N(100 * time.Millisecond))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			awaitEnd(t, output)
		}
	})
}

// startTests runs this binary as one with tests.
func startTests(t *testing.T, end string, unable bool) (*exec.Cmd, *os.File) {
	t.Helper()
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { output.Close() })
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), flood+"="+end)
	if unable {
		cmd.Env = append(cmd.Env, "UNDERSTUDY_TEST_UNABLE=1")
	}
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
