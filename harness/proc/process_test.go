package proc

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
)

func TestMain(m *testing.M) { os.Exit(apart.Run(m.Run)) }

func TestStatLinesAreReadWhateverTheName(t *testing.T) {
	const rest = " S 7 42 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1234567890123 0"
	for name, test := range map[string]struct {
		line  string
		want  Process
		fault bool
	}{
		"plain":      {"42 (sleep)" + rest, Process{Name: "sleep", State: "S", PPID: 7, Group: 42, Session: 9, Start: 1234567890123}, false},
		"brackets":   {"42 (a) R 1 (b)" + rest, Process{Name: "a) R 1 (b", State: "S", PPID: 7, Group: 42, Session: 9, Start: 1234567890123}, false},
		"line break": {"42 (a\nb)" + rest, Process{Name: "a\nb", State: "S", PPID: 7, Group: 42, Session: 9, Start: 1234567890123}, false},
		"no name":    {"42 sleep" + rest, Process{}, true},
		"too short":  {"42 (sleep) S 7", Process{}, true},
		"not digits": {"42 (sleep) S x" + rest[4:], Process{}, true},
	} {
		var got Process
		err := got.parseStat(test.line)
		if (err != nil) != test.fault {
			t.Errorf("%s: error %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); !test.fault && diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func FuzzStatLine(f *testing.F) {
	f.Add("1 (init) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0")
	f.Add("1 ()) ( S")
	f.Fuzz(func(t *testing.T, line string) {
		var p Process
		if p.parseStat(line) == nil && !strings.Contains(line, "("+p.Name+")") {
			t.Errorf("the name %q does not stand in %q", p.Name, line)
		}
	})
}

// startChild starts a shell, see apart.Shell, and reads it.
func startChild(t *testing.T, script string, attributes *syscall.SysProcAttr) (*exec.Cmd, Process) {
	t.Helper()
	cmd := apart.Shell(t, script, attributes)
	p, err := Read(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, p
}

func TestAProcessIsReadAsTheKernelShowsIt(t *testing.T) {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	ids, groups := [4]int{os.Getuid(), os.Getuid(), os.Getuid(), os.Getuid()}, []int(nil)
	if os.Geteuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: 61001, Gid: 61001, Groups: []uint32{61100, 5}}
		ids, groups = [4]int{61001, 61001, 61001, 61001}, []int{5, 61100}
	}
	cmd, p := startChild(t, "umask 0027", attributes)
	if p.PID != cmd.Process.Pid || p.PPID != os.Getpid() || p.Group != p.PID || p.Name != "sh" || p.UIDs != ids {
		t.Errorf("read %+v", p)
	}
	if groups != nil {
		if diff := cmp.Diff(groups, p.Groups); diff != "" {
			t.Errorf("groups: %s", diff)
		}
	}
	if age := time.Since(p.started()); age < 0 || age > patience.Limit {
		t.Errorf("it began %v ago", age)
	}
	if mask, err := p.Umask(); err != nil || mask != 0o027 {
		t.Errorf("umask %o, %v", mask, err)
	}
	if argv, err := p.Argv(); err != nil || len(argv) != 3 || argv[0] != "sh" {
		t.Errorf("argv %q, %v", argv, err)
	}
	fds, err := p.FDs()
	if err != nil || len(fds) < 3 || fds[0].Number != 0 || !strings.HasPrefix(fds[0].Target, "pipe:") || fds[0].CloseOnExec {
		t.Errorf("descriptors %+v, %v", fds, err)
	}
}

func TestAProcessThatEndedIsNotAlive(t *testing.T) {
	cmd, p := startChild(t, ":", nil)
	if !p.Alive() {
		t.Error("it lives and is not seen")
	}
	other := p
	other.Start++
	if other.Alive() {
		t.Error("a process with the same id and another start time counts as the same")
	}
	if err := other.Signal(unix.SIGKILL); err != nil || !p.Alive() {
		t.Errorf("a signal for another process with this id was delivered: %v", err)
	}
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The zombie comes at once or a moment later; waiting by pidfd leaves it there.
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000); n != 1 {
		t.Fatalf("it does not end: %v", err)
	}
	if p.Alive() {
		t.Error("a zombie counts as alive")
	}
	_ = cmd.Wait()
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Errorf("a signal to a process that is gone: %v", err)
	}
}

// Go, like Python, learns of a successful exec before the kernel shows the new
// arguments and environment.
func TestExecutedProcessesShowAll(t *testing.T) {
	early := 0
	for range 200 {
		cmd := exec.Command("/bin/sleep", "600")
		cmd.Env = []string{"HOME=/"}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for executed := false; !executed; {
			p, err := Read(cmd.Process.Pid)
			if err != nil || p.Zombie() {
				t.Fatalf("%v, %v", p, err)
			}
			if executed = p.Executed(); !executed {
				early++
				continue
			}
			argv, argvErr := p.Argv()
			environ, environErr := p.Environ()
			if err := errors.Join(argvErr, environErr); err != nil || len(argv) != 2 || len(environ) != 1 {
				t.Errorf("%q, %q, %v", argv, environ, err)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Logf("seen %d times in the middle of its exec", early)
}
