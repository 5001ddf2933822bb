package namespace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// playAsker says whether sandboxes are available to a process without one capability, or to one as it is.
func playAsker(bit string) error {
	if n, err := strconv.Atoi(bit); err == nil {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil {
			return err
		}
		return unix.Exec("/proc/self/exe", []string{os.Args[0], "available", "now"}, os.Environ())
	}
	err := Available()
	fmt.Println(errors.Is(err, sandbox.ErrUnavailable), err)
	return nil
}

func ask(t *testing.T, bit string, how *syscall.SysProcAttr) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "available", bit)
	cmd.SysProcAttr = how
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestMissingCapabilityMakesSandboxesUnavailableAndIsNamed(t *testing.T) {
	needRoot(t)
	for name, bit := range map[string]int{
		"SYS_ADMIN": unix.CAP_SYS_ADMIN, "NET_ADMIN": unix.CAP_NET_ADMIN, "SYS_PTRACE": unix.CAP_SYS_PTRACE, "KILL": unix.CAP_KILL,
		"AUDIT_WRITE": unix.CAP_AUDIT_WRITE, "SETPCAP": unix.CAP_SETPCAP, "SETUID": unix.CAP_SETUID, "SETGID": unix.CAP_SETGID,
		"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "FOWNER": unix.CAP_FOWNER,
	} {
		if got := ask(t, fmt.Sprint(bit), nil); !strings.HasPrefix(got, "true namespace: this process lacks capabilities: "+name+" (") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := ask(t, fmt.Sprint(unix.CAP_MKNOD), nil); got != "false <nil>\n" {
		t.Errorf("MKNOD, which nothing needs: %s", got)
	}
}

// Root of a user namespace has every capability, and the machine believes none of them.
func TestRootlessContainerIsToldApart(t *testing.T) {
	needRoot(t)
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	how := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: ids, GidMappings: ids}
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = how
	if err := probe.Run(); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) {
		t.Skipf("no user namespaces here: %v", err)
	}
	if got := ask(t, "now", how); !strings.HasPrefix(got, "true namespace: rootless container: ") || !strings.Contains(got, "trusted.overlay.opaque") {
		t.Errorf("got %s", got)
	}
}

func TestCapabilitiesAreReadFromBothSets(t *testing.T) {
	for status, want := range map[string]string{
		"CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n": "",
		"CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffdfffff\n": "lacks capabilities: SYS_ADMIN (makes namespaces and mounts): in a container",
		"CapEff:\t000001ffffffefff\nCapBnd:\t000001ffffffffff\n": "lacks capabilities: NET_ADMIN (brings up the loopback device of a sandbox): ",
		"": "the status has none",
	} {
		err := capable(status)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !errors.Is(err, sandbox.ErrUnavailable)) {
			t.Errorf("%q: %v", status, err)
		}
	}
}
