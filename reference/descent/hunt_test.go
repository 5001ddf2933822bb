package descent

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// TestMain lets this binary be a subreaper that reaps all it gets, until its
// standard input ends.
func TestMain(m *testing.M) {
	script := os.Getenv("SUBREAPER")
	if script == "" {
		os.Exit(apart.Run(m.Run))
	}
	signal.Ignore(syscall.SIGCHLD) // ended children vanish
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	if err == nil {
		cmd := exec.Command("/bin/sh", "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: os.Getenv("SAME_SESSION") == ""} // as tasks are started
		err = cmd.Start()
	}
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// TestHuntEndsLoops: the loops end by themselves after many seconds, and say so.
func TestHuntEndsLoops(t *testing.T) {
	for name, step := range map[string]string{
		"chain":   "fork and exit",
		"daemons": "exit if fork; POSIX::setsid()",
		"chains":  "if ($_ < 3) { fork } else { fork and exit }",
		"many":    "if ($_ < 7) { fork } else { exit if fork; POSIX::setsid() }",
		"idle":    "sleep 1",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			reaper := subreaper(t, dir, `use POSIX; open F, ">$ENV{DIR}/started"; for (1..100_000) {`+step+`} open F, ">$ENV{DIR}/ended"`)
			for quiet := 0; quiet < 100; quiet++ {
				if !hasChildren(reaper) {
					continue
				}
				quiet = 0
				if err := Hunt(reaper, 20*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "ended")); err == nil {
				t.Error("the program came to its own end")
			}
		})
	}
}

// TestHuntSparesTheGroupOfTheRoot: what stays in the session of the root may be in a
// group with the root, or with anybody else there.
func TestHuntSparesTheGroupOfTheRoot(t *testing.T) {
	t.Setenv("SAME_SESSION", "1")
	reaper := subreaper(t, t.TempDir(), `open F, ">$ENV{DIR}/started"; sleep 600`)
	for hasChildren(reaper) {
		if err := Hunt(reaper, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// TestASignalReachesTheWholeGroup: whoever forks in a loop is hit with all that it forked
// since it was seen, by one call.
func TestASignalReachesTheWholeGroup(t *testing.T) {
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	leader := exec.Command("/bin/sh", "-c", `i=0; while [ $i -lt 20 ]; do sleep 600 & i=$((i+1)); done; echo started; wait`)
	leader.Stdout = theirs // held open by each of them as long as it lives
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = leader.Start()
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	session := leader.Process.Pid
	defer func() {
		_ = syscall.Kill(-session, syscall.SIGKILL)
		_ = leader.Wait()
	}()
	if err := output.SetReadDeadline(time.Now().Add(patience.Limit)); err != nil {
		t.Fatal(err)
	}
	if n, err := output.Read(make([]byte, 100)); n == 0 {
		t.Fatalf("the leader does not start: %v", err)
	}
	h, err := newHunter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !h.signal(session, session, syscall.SIGKILL) {
		t.Error("the leader was not there")
	}
	if _, err := output.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("some of the group live on: %v", err)
	}
}

// subreaper starts one, whose child is a Perl program, and returns its pid once the
// program has made the file "started" in the folder DIR. It has to live until the test
// ends.
func subreaper(t *testing.T, dir, program string) int {
	t.Helper()
	reaper := exec.Command(os.Args[0])
	reaper.Env = append(os.Environ(), `SUBREAPER=exec perl -e "$PROGRAM"`, "DIR="+dir, "PROGRAM="+program)
	reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := reaper.StdinPipe()
	if err == nil {
		err = reaper.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := reaper.Wait(); err != nil {
			t.Errorf("the subreaper: %v", err)
		}
	})
	for _, err := os.Stat(filepath.Join(dir, "started")); err != nil; _, err = os.Stat(filepath.Join(dir, "started")) {
		time.Sleep(time.Millisecond)
	}
	return reaper.Process.Pid
}

func hasChildren(pid int) bool {
	has := false
	for _, list := range openChildren(pid) {
		has = has || len(list.last(1)) > 0
		list.file.Close()
	}
	return has
}
