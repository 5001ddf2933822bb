package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// bereft is the body of a process that does without one capability. It goes into a mount namespace in which
// it can write accounts without harm, takes the capability out of its bounding set, and starts anew to do what it is told.
func bereft(act, bit string) error {
	if act == "drop" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make / private: %w", err)
		}
		for _, dir := range []string{"/etc", "/home", "/srv"} {
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
				return fmt.Errorf("cover %s: %w", dir, err)
			}
		}
		n, err := strconv.Atoi(bit)
		if err != nil {
			return err
		}
		runtime.LockOSThread() // a bounding set is a thread's own, and the program that is started has that of the thread that starts it
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", n, err)
		}
		return unix.Exec("/proc/self/exe", []string{"worker", "bereft", os.Getenv("THEN"), bit}, os.Environ())
	}
	if act == "look" {
		return looksInside(context.Background())
	}
	pl := &player{
		session: &stage.Session{Plan: plan.Plan{Cases: []plan.Case{{Role: role.Runner}}}},
		write:   recorder(os.Stdout),
		unable:  map[role.Role]journal.Observation{},
	}
	pl.prepare(context.Background())
	return nil
}

// without runs a part of this package in a process that lacks a capability, and returns what it printed.
func without(t *testing.T, bit int, then string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: takes a capability away")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "bereft", "drop", fmt.Sprint(bit))
	cmd.Env = append(os.Environ(), "THEN="+then)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("needs the right to make namespaces: %v", err)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

func TestSandboxWithoutACapabilityIsNotJudged(t *testing.T) {
	for name, bit := range map[string]int{
		"SETUID": unix.CAP_SETUID, "SETGID": unix.CAP_SETGID, "AUDIT_WRITE": unix.CAP_AUDIT_WRITE, "CHOWN": unix.CAP_CHOWN,
		"DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "FOWNER": unix.CAP_FOWNER, "KILL": unix.CAP_KILL, "SYS_PTRACE": unix.CAP_SYS_PTRACE,
	} {
		t.Run(name, func(t *testing.T) {
			said := without(t, bit, "prepare")
			events, err := journal.ReadAll(strings.NewReader(said))
			if err != nil || len(events) == 0 || events[len(events)-1].Control == nil {
				t.Fatalf("%v in %s", err, said)
			}
			seen := events[len(events)-1].Control.Observation
			if seen.Outcome != journal.CouldNotRun || !strings.Contains(seen.Says, "lacks capabilities: "+name+" (") {
				t.Errorf("said:\n%s", said)
			}
		})
	}
}

func TestTaskThatCannotBeSeenIsNoticed(t *testing.T) {
	for bit, want := range map[int]string{
		unix.CAP_SYS_PTRACE: "root cannot see the descriptors of a process of alice",
		unix.CAP_KILL:       "root cannot end a process of alice",
		unix.CAP_SETUID:     "start a process of alice",
		unix.CAP_MKNOD:      "", // which nothing needs
	} {
		if got := without(t, bit, "look"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("without capability %d: %s, want %q", bit, got, want)
		}
	}
}

func TestBarriersThatTasksCannotReachAreNoticed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: becomes alice")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "cases")
	if err := fifosWork(t.Context(), root); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fifosWork(t.Context(), root); err == nil || !strings.Contains(err.Error(), "alice cannot read from a FIFO") {
		t.Errorf("a folder that is closed to alice: %v", err)
	}
}

func TestNetworkOtherThanPromisedIsNoticed(t *testing.T) {
	lo, down := net.Interface{Name: "lo", Flags: net.FlagUp | net.FlagLoopback}, net.Interface{Name: "tunl0"}
	for name, c := range map[string]struct {
		devices []net.Interface
		want    string
	}{
		"loopback":          {[]net.Interface{lo, down}, ""},
		"nothing":           {nil, "the loopback device is down or absent"},
		"loopback is down":  {[]net.Interface{{Name: "lo", Flags: net.FlagLoopback}}, "the loopback device is down or absent"},
		"a network":         {[]net.Interface{lo, {Name: "eth0", Flags: net.FlagUp}}, "has the network device eth0"},
		"only some network": {[]net.Interface{{Name: "eth0", Flags: net.FlagUp}}, "has the network device eth0"},
	} {
		if err := onlyLoopback(c.devices); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
