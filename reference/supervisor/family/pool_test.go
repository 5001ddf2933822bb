package family

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/keeper"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

// keeperName is the name under which this binary is a keeper.
const keeperName = "understudy-keeper"

// testPool is a pool in this process, which is a subreaper as long as the test runs.
func testPool(t *testing.T) *Pool {
	t.Helper()
	program := filepath.Join(t.TempDir(), keeperName)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, program)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
	p := NewPool(program, os.Stderr)
	t.Cleanup(p.Close)
	return p
}

// sh starts a shell; its channels are closed.
func sh(t *testing.T, p Parent, script string) family {
	t.Helper()
	c, err := Start(p, []string{"/bin/sh", "-c", script}, os.Environ(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(append([]*net.UnixConn(nil), c.Comms, c.Stdout, c.Stderr)) })
	return c.family
}

func waitEnd(t *testing.T, f family) Exit {
	t.Helper()
	select {
	case <-f.ended():
		return f.status()
	case <-time.After(patience.Limit):
		t.Fatal("no end")
		return Exit{}
	}
}

func TestParentsTellHowATaskEnds(t *testing.T) {
	for name, p := range map[string]Parent{"keepers": testPool(t), "self": Self{}} {
		for script, want := range map[string]Exit{
			"exit 0":            {},
			"exit 7":            {Code: 7},
			"kill -9 $$":        {Signal: syscall.SIGKILL},
			"sleep 0.05 & exit": {},
		} {
			f := sh(t, p, script)
			if got := waitEnd(t, f); got != want {
				t.Errorf("%s, %s: %+v", name, script, got)
			}
			if name == "keepers" && !f.settle(patience.Limit) { // this process has other children
				t.Errorf("%s, %s: something is left", name, script)
			}
			f.release()
		}
		for program, want := range map[string]error{"/no/such/program": syscall.ENOENT, "/etc/passwd": syscall.EACCES} {
			if _, err := Start(p, []string{program}, nil, nil); !errors.Is(err, want) || !strings.Contains(err.Error(), program) {
				t.Errorf("%s, %s: %v", name, program, err)
			}
		}
		if _, err := Start(p, []string{"/bin/true", "a\x00b"}, nil, nil); err == nil {
			t.Errorf("%s: an argument with a zero byte was taken", name)
		}
	}
}

func TestKeepersAreUsedAgain(t *testing.T) {
	p := testPool(t)
	seen := map[int]bool{}
	for range 20 {
		f := sh(t, p, "exit 0")
		waitEnd(t, f)
		if !f.settle(patience.Limit) {
			t.Fatal("something is left")
		}
		seen[f.(*keptFamily).keeper.process.Pid] = true
		f.release()
	}
	if len(seen) != 1 {
		t.Errorf("%d keepers for tasks one after the other", len(seen))
	}
	var all []family
	for range 5 {
		all = append(all, sh(t, p, "exit 0"))
	}
	for _, f := range all {
		waitEnd(t, f)
		f.settle(patience.Limit)
		f.release()
	}
	p.mu.Lock()
	for _, k := range p.idle {
		k.since = time.Now().Add(-2 * keepersIdle)
	}
	p.mu.Unlock()
	p.shrink()
	if n := len(p.idle); n != keepersKept {
		t.Errorf("%d idle keepers are left, want %d", n, keepersKept)
	}
}

// What a task leaves behind is found below its keeper, and below this process
// when the keeper was killed. A keeper that was stopped is of no use. Commands of
// this process live on.
func TestOrphansAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
	}{{"keeper lives", 0}, {"keeper killed", syscall.SIGKILL}} {
		t.Run(c.name, func(t *testing.T) {
			p := testPool(t)
			own := exec.Command("sleep", "600")
			if err := own.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = own.Process.Kill()
				_ = own.Wait()
			}()
			f := sh(t, p, "(setsid sleep 600 & setsid sh -c 'sleep 600 & sleep 600' &) & sleep 600")
			for deadline := time.Now().Add(patience.Limit); countNamed(t, f, "sleep") != 4; time.Sleep(2 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("there are no four sleeps")
				}
			}
			if c.signal != 0 {
				if err := f.(*keptFamily).keeper.process.Signal(c.signal); err != nil {
					t.Fatal(err)
				}
				if got := waitEnd(t, f); !errors.Is(got.Lost, errNoKeeper) {
					t.Errorf("%+v", got)
				}
			}
			k := &Killer{family: f, log: tasklog.To(os.Stderr, tasklog.NewMasker(5, nil))}
			if err := k.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !f.gone() {
				t.Error("not gone")
			}
			if n := countNamed(t, f, "sleep"); n != 0 {
				t.Errorf("%d are left", n)
			}
			all, err := descent.Of(os.Getpid())
			if err != nil || !slices.ContainsFunc(descent.Living(all), func(d descent.Process) bool { return d.PID == own.Process.Pid }) {
				t.Errorf("a command of this process was ended with the task, or cannot be found: %v", err)
			}
			f.release()
			next := sh(t, p, "exit 3")
			if got := waitEnd(t, next); got.Code != 3 {
				t.Errorf("the next: %+v", got)
			}
			next.release()
		})
	}
}

func TestKeeperThatDoesNotAnswerIsReplaced(t *testing.T) {
	p := testPool(t)
	first := sh(t, p, "exit 0")
	waitEnd(t, first)
	first.settle(patience.Limit)
	first.release()
	if err := first.(*keptFamily).keeper.process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next := sh(t, p, "exit 4")
	if got := waitEnd(t, next); got.Code != 4 {
		t.Errorf("%+v", got)
	}
	next.release()
}

// A task may get the pid of its first process for another one. No report of a
// keeper, however often it comes, ends the server with all its tasks.
func TestFirstReportOfAnEndCounts(t *testing.T) {
	p := testPool(t)
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	process, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{pool: p, process: process, conn: ours, dead: make(chan struct{}), reply: make(chan keeper.Report, 1)}
	f := &keptFamily{keeper: k, done: make(chan struct{}), empty: make(chan struct{})}
	k.current = f
	p.ended.Add(1)
	go k.listen()
	var reports []byte
	for _, r := range []keeper.Report{{Kind: keeper.Started, Value: 7}, {Kind: keeper.Exited, Value: 3 << 8}, {Kind: keeper.Exited}, {Kind: keeper.Empty}} {
		reports = r.Append(reports)
	}
	if _, err := theirs.Write(reports); err != nil {
		t.Fatal(err)
	}
	if !f.settle(patience.Limit) {
		t.Fatal("not empty")
	}
	if got := waitEnd(t, f); got.Code != 3 || f.main() != 7 {
		t.Errorf("process %d ended with %+v", f.main(), got)
	}
	f.release() // close, at the end, waits for it
}

func countNamed(t *testing.T, f family, name string) (n int) {
	t.Helper()
	living, err := living(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range living {
		if p.Name == name {
			n++
		}
	}
	return n
}
