package wall

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/understudy-conformance/understudy/internal/apart"
)

// act tells this test binary, started again, what to do.
const act = "UNDERSTUDY_WALL_ACT"

func TestMain(m *testing.M) {
	switch os.Getenv(act) {
	case "":
		os.Exit(apart.Run(m.Run))
	case "look":
		look()
	case "child": // what the worker starts
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{act + "=look"}
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := Disinherit(); err != nil {
			fail(err)
		}
		if err := cmd.Run(); err != nil {
			fail(err)
		}
	case "init":
		fail(Exec([]string{"/proc/self/exe"}, []string{act + "=look"}, Init))
	case "worker":
		fail(Exec([]string{"/proc/self/exe"}, []string{act + "=child"}, Init))
	case "provision":
		fail(Exec([]string{"/proc/self/exe"}, []string{act + "=look"}, Provision))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// view is what a process finds of itself behind the wall.
type view struct {
	Effective, Inheritable, Bounding uint64
	Filter                           string
	Descriptor                       string // what descriptor 9 is
	Keyring                          string
}

func look() {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err)
	}
	status := string(text)
	var v view
	for name, to := range map[string]*uint64{"CapEff": &v.Effective, "CapInh": &v.Inheritable, "CapBnd": &v.Bounding} {
		if *to, err = Set(status, name); err != nil {
			fail(err)
		}
	}
	for line := range strings.Lines(status) {
		if value, is := strings.CutPrefix(line, "Seccomp:"); is {
			v.Filter = strings.TrimSpace(value)
		}
	}
	v.Descriptor, _ = os.Readlink("/proc/self/fd/9")
	_, err = unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_SESSION_KEYRING, false)
	v.Keyring = fmt.Sprint(err)
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fail(err)
	}
}

func mask(values ...cap.Value) (set uint64) {
	for _, v := range values {
		set |= 1 << v
	}
	return set
}

// TestWhatIsBehindTheWall starts a process with a descriptor that exec does not close, raises the wall around it, and asks what
// it has left.
func TestWhatIsBehindTheWall(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	kept, provision := mask(Kept...), mask(ofProvision...)
	filtered := view{Filter: "2", Keyring: unix.EPERM.Error()}
	for part, want := range map[string]view{
		"init":      {Effective: kept | mask(watcher), Inheritable: mask(watcher), Bounding: kept},
		"worker":    {Effective: kept, Bounding: kept},
		"provision": {Effective: provision, Bounding: provision},
	} {
		t.Run(part, func(t *testing.T) {
			want.Filter, want.Keyring = filtered.Filter, filtered.Keyring
			// A shell leaves 9 open, as those of CI runners do.
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `exec 9</etc/passwd; exec "$0"`, "/proc/self/exe")
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Args[3] = self
			cmd.Env = []string{act + "=" + part}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var got view
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheFilterKnowsItsCalls assembles it for both architectures: the library refuses a name that it does not know.
func TestTheFilterKnowsItsCalls(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		if raw, err := program(goarch); err != nil || len(raw) < len(refused) {
			t.Errorf("%s: %d instructions, %v", goarch, len(raw), err)
		}
	}
}
