package keeper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// The keeper of these tests is this binary.
func TestMain(m *testing.M) {
	if os.Getenv("KEEPER") != "" {
		if err := Main(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(apart.Run(m.Run))
}

// master is the server's side of a keeper.
type master struct {
	t    *testing.T
	cmd  *exec.Cmd
	conn *os.File
	out  *os.File // of what it starts
	in   *os.File
}

func newMaster(t *testing.T) *master {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "theirs")
	m := &master{t: t, conn: os.NewFile(uintptr(fds[0]), "ours"), cmd: exec.Command(os.Args[0])}
	if m.out, m.in, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	m.cmd.Env = append([]string{"KEEPER=1"}, Environ...)
	m.cmd.ExtraFiles = []*os.File{theirs}
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		m.conn.Close()
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	})
	return m
}

func (m *master) ask(argv ...string) {
	m.t.Helper()
	b, err := Request{Argv: argv, Env: []string{"PATH=/usr/bin:/bin", "MARK=here"}}.Append(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	m.send(b, int(m.in.Fd()), int(m.in.Fd()), int(m.in.Fd()))
}

func (m *master) send(b []byte, fds ...int) {
	m.t.Helper()
	if err := unix.Sendmsg(int(m.conn.Fd()), b, unix.UnixRights(fds...), nil, 0); err != nil {
		m.t.Fatal(err)
	}
}

func (m *master) want(kind Kind) uint32 {
	m.t.Helper()
	b := make([]byte, ReportSize)
	if _, err := io.ReadFull(m.conn, b); err != nil {
		m.t.Fatal(err)
	}
	r := ParseReport(b)
	if r.Kind != kind {
		m.t.Fatalf("report %+v, want kind %d", r, kind)
	}
	return r.Value
}

func (m *master) line() string {
	m.t.Helper()
	b := make([]byte, 4096)
	n, err := m.out.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

func (m *master) exit() int {
	m.t.Helper()
	timer := time.AfterFunc(patience.Limit, func() { _ = m.cmd.Process.Kill() })
	defer timer.Stop()
	_ = m.cmd.Wait()
	return m.cmd.ProcessState.ExitCode()
}

func TestTasksOneAfterTheOther(t *testing.T) {
	m := newMaster(t)
	for code := range 3 {
		m.ask("/bin/sh", "-c", fmt.Sprintf(`set -- /proc/$$/fd/*; echo "$MARK $(pwd) $# $(ps -o pgid= -p $$ | tr -d ' ')"; exit %d`, code))
		pid := m.want(Started)
		// 0 to 2, and the directory that the shell lists.
		if got, want := m.line(), fmt.Sprintf("here / 4 %d\n", pid); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if status := unix.WaitStatus(m.want(Exited)); status.ExitStatus() != code {
			t.Errorf("status %v, want exit code %d", status, code)
		}
		m.want(Empty)
		m.ask("/no/such/program")
		if number := unix.Errno(m.want(Failed)); number != unix.ENOENT {
			t.Error(number)
		}
	}
	m.conn.Close()
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestOrphansCount(t *testing.T) {
	m := newMaster(t)
	m.ask("/bin/sh", "-c", "setsid sh -c 'echo $$; exec sleep 600' & exit 5")
	m.want(Started)
	var pid int
	if _, err := fmt.Sscan(m.line(), &pid); err != nil {
		t.Fatal(err)
	}
	if status := unix.WaitStatus(m.want(Exited)); status.ExitStatus() != 5 {
		t.Errorf("status %v", status)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ") // then its state, whichever that is, and its parent
	if fields := strings.Fields(rest); err != nil || len(fields) < 2 || fields[1] != strconv.Itoa(m.cmd.Process.Pid) {
		t.Errorf("the orphan is no child of the keeper: %s, %v", stat, err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.want(Empty)
}

func TestWithoutServerAllEnds(t *testing.T) {
	m := newMaster(t)
	m.ask("/bin/sh", "-c", "trap '' TERM; setsid sh -c 'echo $$; sleep 600; sleep 600' & sleep 600")
	first := m.want(Started)
	var second int
	if _, err := fmt.Sscan(m.line(), &second); err != nil {
		t.Fatal(err)
	}
	m.conn.Close()
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, pid := range []int{int(first), second} {
		if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("%d is there: %v", pid, err)
		}
	}
}

func TestNonsenseEndsTheKeeper(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		fds   int
	}{
		"no request":       {[]byte{0, 0, 0, 4, 0, 0, 0, 9}, 3},
		"too long":         {[]byte{0xff, 0xff, 0xff, 0xff}, 3},
		"no descriptors":   {[]byte{0, 0, 0, 4, 0, 0, 0, 0}, 0},
		"two descriptors":  {[]byte{0, 0, 0, 4, 0, 0, 0, 0}, 2},
		"four descriptors": {[]byte{0, 0, 0, 4, 0, 0, 0, 0}, 4},
	} {
		m := newMaster(t)
		var fds []int
		for range c.fds {
			fds = append(fds, int(m.in.Fd()))
		}
		m.send(c.bytes, fds...)
		if code := m.exit(); code != 1 {
			t.Errorf("%s: exit code %d", name, code)
		}
	}
}
