package wall

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
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
	default:
		panic("no such act")
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
	const kept = 0xa00425fb // Docker's without MKNOD, as Docker itself writes them
	provision := kept &^ mask(cap.NET_RAW, cap.NET_BIND_SERVICE)
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

// TestTheFilterRefuses runs the filter as the kernel would, on the words of a call: what a capability or a setting of this machine
// refuses as well shows in no attempt.
func TestTheFilterRefuses(t *testing.T) {
	raw, err := program("amd64")
	if err != nil {
		t.Fatal(err)
	}
	var program []bpf.Instruction
	for _, in := range raw {
		program = append(program, in.Disassemble())
	}
	machine, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	const allow, refuse, unknown = 0x7fff0000, 0x00050000 | int(unix.EPERM), 0x00050000 | int(unix.ENOSYS)
	const amd64, i386 = 0xc000003e, 0x40000003
	run := func(architecture uint32, number int, argument uint64) int {
		t.Helper()
		data := make([]byte, 64) // struct seccomp_data; the machine of the library reads the other byte order
		binary.BigEndian.PutUint32(data, uint32(number))
		binary.BigEndian.PutUint32(data[4:], architecture)
		binary.BigEndian.PutUint32(data[16:], uint32(argument))
		binary.BigEndian.PutUint32(data[20:], uint32(argument>>32))
		result, err := machine.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	for name, number := range map[string]int{
		"add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323,
		"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
		"mount": 165, "umount2": 166, "mount_setattr": 442, "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
		"fspick": 433, "pivot_root": 155, "setns": 308, "open_by_handle_at": 304, "quotactl": 179, "acct": 163, "swapon": 167, "swapoff": 168,
		"init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320, "reboot": 169, "syslog": 103,
		"settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "process_vm_readv": 310, "process_vm_writev": 311,
		"kcmp": 312, "iopl": 172, "ioperm": 173,
	} {
		if got := run(amd64, number, 0); got != refuse {
			t.Errorf("%s: %#x", name, got)
		}
	}
	const clone, unshare, socket, clone3, openat, x32 = 56, 272, 41, 435, 257, 1 << 30
	for name, c := range map[string]struct {
		architecture uint32
		number       int
		argument     uint64
		want         int
	}{
		"openat":                             {amd64, openat, 0, allow},
		"a process":                          {amd64, clone, uint64(unix.SIGCHLD), allow},
		"a thread":                           {amd64, clone, unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD, allow},
		"a user namespace":                   {amd64, clone, unix.CLONE_NEWUSER | uint64(unix.SIGCHLD), refuse},
		"a user namespace, with high bits":   {amd64, clone, 1<<32 | unix.CLONE_NEWUSER, refuse},
		"clone3":                             {amd64, clone3, 0, unknown},
		"unshare of files":                   {amd64, unshare, unix.CLONE_FILES, allow},
		"unshare of mounts":                  {amd64, unshare, unix.CLONE_NEWNS, refuse},
		"unshare of the cgroup":              {amd64, unshare, unix.CLONE_NEWCGROUP, refuse},
		"a unix socket":                      {amd64, socket, unix.AF_UNIX, allow},
		"a socket of IPv6":                   {amd64, socket, unix.AF_INET6, allow},
		"vsock":                              {amd64, socket, unix.AF_VSOCK, refuse},
		"vsock, with high bits":              {amd64, socket, 1<<32 | unix.AF_VSOCK, refuse},
		"ciphers":                            {amd64, socket, unix.AF_ALG, refuse},
		"keyctl by its number for x32":       {amd64, x32 | 250, 0, unknown},
		"any call of 32 bit, such as getpid": {i386, 20, 0, unknown},
	} {
		if got := run(c.architecture, c.number, c.argument); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
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
