package family

import (
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/patience"
)

func TestExitIsDescribed(t *testing.T) {
	for command, want := range map[string][2]string{
		"exit 0":      {"info", "exit code 0"},
		"exit 7":      {"warning", "exit code 7"},
		"kill -9 $$":  {"critical", "SIGKILL (9). If nobody killed it, the machine may have run out of memory (OOM)"},
		"kill -11 $$": {"critical", "SIGSEGV (11)"},
		"kill -15 $$": {"error", "SIGTERM (15)"},
		"kill -40 $$": {"error", "number 40 (40)"},
	} {
		cmd := exec.Command("/bin/sh", "-c", "ulimit -c 0; "+command)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		level, text := exitOf(cmd.Process.Wait()).Describe()
		if level != want[0] || !strings.Contains(text, want[1]) {
			t.Errorf("%s: %s, %s", command, level, text)
		}
	}
	if level, text := (Exit{Lost: syscall.ECHILD}).Describe(); level != "error" || !strings.Contains(text, "no child processes") {
		t.Errorf("%s, %s", level, text)
	}
}

// TestStatusTakenByAnother is LIFE-021: the end of a process whose status somebody
// else consumed is noticed all the same.
func TestStatusTakenByAnother(t *testing.T) {
	c, err := Start(Self{}, []string{"/bin/sh", "-c", "exit 3"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll([]*net.UnixConn{c.Comms, c.Stdout, c.Stderr})
	_, _ = syscall.Wait4(c.PID(), nil, 0, nil) // one of the two gets the status
	select {
	case <-c.Ended():
	case <-time.After(patience.Limit):
		t.Error("the end was not noticed")
	}
}
