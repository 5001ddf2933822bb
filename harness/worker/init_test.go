package worker

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/wall"
	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// TestMain lets the test binary play init, and the run that init starts: what
// run does stands in the plan.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "bereft" {
		if err := bereft(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "init" {
		code, err := Init(os.Stdin)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 99
		}
		os.Exit(code)
	}
	if len(os.Args) == 2 && os.Args[1] == "run" {
		plan, _ := io.ReadAll(os.NewFile(planFD, "plan"))
		fmt.Fprintln(os.Stdout, "a diagnostic")
		fmt.Fprintln(os.NewFile(journalFD, "journal"), "journal of", strings.TrimSpace(string(plan)), len(os.Environ()))
		cmd := exec.Command("sh", "-c", string(plan))
		cmd.Stdin = os.Stdin
		_ = cmd.Run()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
			_ = unix.Kill(os.Getpid(), status.Signal())
		}
		os.Exit(cmd.ProcessState.ExitCode())
	}
	if len(os.Args) == 2 && os.Args[1] == "exec" {
		var some [5]byte
		_, _ = io.ReadFull(os.Stdin, some[:])
		fmt.Fprintf(os.NewFile(journalFD, "frames"), "exec reads %s\n", some)
		time.Sleep(time.Hour)
	}
	os.Exit(apart.Run(m.Run))
}

type started struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	journal *bufio.Reader
	stderr  strings.Builder
	ended   chan error
}

// startInit starts init as first process of a pid namespace, as in a sandbox.
func startInit(t *testing.T, plan string) *started {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a pid namespace needs root")
	}
	s := &started{cmd: exec.Command("/proc/self/exe", "init"), ended: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), "LEAK=of the host", "GORACE=atexit_sleep_ms=0")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	s.cmd.Stderr = &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdin, s.cmd.Stdout, s.journal = stdin, write, bufio.NewReader(read)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		read.Close()
	})
	if _, err := io.WriteString(stdin, plan); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *started) end(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience.Limit):
		t.Fatal("init does not end")
		return 0
	}
}

func TestInitGivesRunItsPlanAndItsExitCodeBack(t *testing.T) {
	for plan, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -9 $$": 128 + 9} {
		s := startInit(t, plan+"\n")
		journal, err := io.ReadAll(s.journal)
		if err != nil {
			t.Fatal(err)
		}
		if code := s.end(t); code != want {
			t.Errorf("%s: exit code %d, want %d; stderr %s", plan, code, want, s.stderr.String())
		}
		if got, want := string(journal), "journal of "+plan+" "+strconv.Itoa(len(wall.Environment))+"\n"; got != want {
			t.Errorf("stdout is %q, want %q", got, want)
		}
		if !strings.Contains(s.stderr.String(), "a diagnostic") {
			t.Errorf("%s: what run wrote to stdout is not in stderr: %q", plan, s.stderr.String())
		}
	}
}

func TestRunReadsWhatFollowsThePlan(t *testing.T) {
	s := startInit(t, "read a; read b; exit $((a + b))\n3\n")
	if _, err := io.WriteString(s.stdin, "4\n"); err != nil {
		t.Fatal(err)
	}
	if code := s.end(t); code != 7 {
		t.Errorf("exit code %d, want the sum of both lines", code)
	}
}

func TestTheEndOfStdinEndsEverything(t *testing.T) {
	// A daemon that ignores signals and holds the journal open.
	s := startInit(t, "trap '' TERM HUP INT; setsid sleep 600 & sleep 600\n")
	if line, err := s.journal.ReadString('\n'); err != nil {
		t.Fatalf("run did not start: %q %v", line, err)
	}
	s.stdin.Close()
	if code := s.end(t); code != 128+int(unix.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
	if rest, err := io.ReadAll(s.journal); err != nil || len(rest) > 0 {
		t.Errorf("after the end stdout gave %q, %v", rest, err)
	}
}

func TestASignalEndsEverything(t *testing.T) {
	s := startInit(t, "sleep 600\n")
	if _, err := s.journal.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.end(t); code != 128+int(unix.SIGTERM) {
		t.Errorf("exit code %d", code)
	}
}

func TestAPlanThatEndsEarlyIsAnError(t *testing.T) {
	s := startInit(t, "no end of line")
	s.stdin.Close()
	if code := s.end(t); code != 99 || !strings.Contains(s.stderr.String(), "read plan: 14 octets and no end of line") {
		t.Errorf("exit code %d, stderr %s", code, s.stderr.String())
	}
}

func TestInitReapsOrphans(t *testing.T) {
	// A zombie still takes signal 0; one that was reaped does not.
	s := startInit(t, "p=$(sleep 0.05 >/dev/null & echo $!); for i in $(seq 200); do kill -0 $p 2>/dev/null || exit 0; sleep 0.05; done; exit 1\n")
	if code := s.end(t); code != 0 {
		t.Errorf("the orphan is still there: exit code %d", code)
	}
}

func TestInitThatIsNotProcess1IsRefused(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "init")
	cmd.Stdin = strings.NewReader("exit 0\n")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 99 || !strings.Contains(string(out), "not 1") {
		t.Errorf("%v: %s", err, out)
	}
}
