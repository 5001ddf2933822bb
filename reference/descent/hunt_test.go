package descent

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
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
		err = exec.Command("/bin/sh", "-c", script).Start()
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
		"idle":    "sleep 1",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			reaper := exec.Command(os.Args[0])
			reaper.Env = append(os.Environ(), `SUBREAPER=exec perl -e "$PROGRAM"`, "DIR="+dir,
				`PROGRAM=use POSIX; open F, ">$ENV{DIR}/started"; for (1..100_000) {`+step+`} open F, ">$ENV{DIR}/ended"`)
			stdin, err := reaper.StdinPipe()
			if err == nil {
				err = reaper.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { stdin.Close(); _ = reaper.Wait() }()
			deadline := time.Now().Add(30 * time.Second)
			for _, err := os.Stat(filepath.Join(dir, "started")); err != nil; _, err = os.Stat(filepath.Join(dir, "started")) {
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			for quiet := 0; quiet < 100; quiet++ {
				if !hasChildren(reaper.Process.Pid) {
					continue
				}
				quiet = 0
				if err := Hunt(reaper.Process.Pid, 20*time.Millisecond); err != nil || time.Now().After(deadline) {
					t.Fatalf("not over after 30 s, %v", err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "ended")); err == nil {
				t.Error("the program came to its own end")
			}
		})
	}
}

func hasChildren(pid int) bool {
	has := false
	for _, list := range openChildren(pid) {
		has = has || len(list.last(1)) > 0
		list.file.Close()
	}
	return has
}
