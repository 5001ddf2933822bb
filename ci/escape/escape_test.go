//go:build escape

package escape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/sandbox/docker"
	"github.com/understudy-conformance/understudy/harness/sandbox/namespace"
	"github.com/understudy-conformance/understudy/harness/shell"
	"github.com/understudy-conformance/understudy/harness/wall/escape"
	"github.com/understudy-conformance/understudy/internal/apart"
)

const (
	canary   = "understudy-canary-7c1d0f4e"
	callerFD = 77 // of a descriptor that whoever calls understudy has open
)

// TestMain keeps thousands of processes from outliving the tests.
func TestMain(m *testing.M) { os.Exit(apart.Run(m.Run)) }

// users are whom the attempts are made as; root is what sudo makes of airflow.
var users = []string{"airflow", "alice", "root"}

// excused are attempts that some user cannot even begin, with or without a wall, or this kernel has nothing for: they may be
// absent. Each of the others has to be refused.
var excused = []string{
	"descriptors-of-init", "journal", // an ordinary user cannot list them
	"sysrq", "memory-of-the-kernel", "vsock", "vsock-of-64-bit", "vsock-of-32-bit", "ciphers", "calls-of-32-bit", "userfaultfd", "raw-io", "list-of-timers", // the kernel may lack them
}

// plant puts what must not be found on this machine, and returns its description: a file in each of some places, a
// descriptor and a variable of the caller, a process, two listeners.
func plant(t *testing.T) escape.Outside {
	t.Helper()
	o := escape.Outside{
		Canary: canary, Processes: sandbox.MaxProcesses + 200, Memory: sandbox.MaxMemory + 512<<20, Tmpfs: sandbox.MaxTmpfs + 1<<20,
	}
	home, err := os.MkdirTemp("/root", "understudy-escape-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	checkout, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.MkdirTemp(checkout, "planted-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(own) })
	for _, dir := range []string{t.TempDir(), home, own} {
		path := filepath.Join(dir, "canary")
		if err := os.WriteFile(path, []byte(canary), 0o666); err != nil {
			t.Fatal(err)
		}
		o.Files = append(o.Files, path)
	}
	o.Files = append(o.Files, "/srv/sibling", "/tmp/sibling") // of another sandbox
	secret, err := os.Open(o.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	if err := unix.Dup3(int(secret.Fd()), callerFD, 0); err != nil { // not close-on-exec
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(callerFD) })
	t.Setenv("UNDERSTUDY_CANARY", canary)
	waiting := exec.Command("/bin/sh", "-c", "read line", canary)
	input, err := waiting.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { input.Close(); _ = waiting.Wait() })
	o.Abstract = canary
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": "@" + o.Abstract} {
		listener, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		if tcp, is := listener.Addr().(*net.TCPAddr); is {
			o.Port = tcp.Port
		}
	}
	return o
}

func bin(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("UNDERSTUDY_BIN")
	if dir == "" {
		t.Fatal("UNDERSTUDY_BIN has to name the folder of the built commands, see ci/test")
	}
	return dir
}

func TestNothingEscapes(t *testing.T) {
	manifest, err := implementation.Load("../../images/reference/implementation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	outside := plant(t)
	for _, backend := range []sandbox.Backend{
		namespace.New(namespace.Config{Bin: bin(t), Manifest: manifest, Cache: cacheFolder(t)}),
		docker.New(docker.Options{Commands: bin(t), Manifest: manifest, RunID: "escape"}),
	} {
		t.Run(backend.Name(), func(t *testing.T) {
			t.Cleanup(func() {
				if err := backend.Close(); err != nil {
					t.Error(err)
				}
			})
			if err := backend.Prepare(t.Context(), func(text string) { t.Log(text) }); err != nil {
				t.Fatal(err)
			}
			sibling := start(t, backend, plan.Exec{User: "root", Argv: []string{
				"/bin/sh", "-c", "echo $0 >/srv/sibling; echo $0 >/tmp/sibling; chmod 666 /srv/sibling /tmp/sibling; echo planted; read line", canary,
			}})
			if line, err := shell.NewReader(sibling.Events()).Next(); err != nil || line.Kind != shell.More {
				t.Fatalf("the other sandbox: %v, %v; %s", line, err, sibling.Diagnostics())
			}
			for _, user := range users {
				t.Run(user, func(t *testing.T) {
					for _, r := range results(t, backend, user, outside) {
						switch {
						case r.Outcome == escape.Through:
							t.Errorf("%s: %s can %s", r.Name, user, r.Says)
						case r.Outcome == escape.Absent && !slices.Contains(excused, r.Name):
							t.Errorf("%s was not tried: %s", r.Name, r.Detail)
						default:
							t.Logf("%s %s: %s", r.Outcome, r.Name, r.Detail)
						}
					}
				})
			}
			if bounds := backend.Environment()[sandbox.BoundsFact]; bounds != sandbox.Bounded() {
				t.Errorf("the report says of the bounds: %s", bounds)
			}
		})
	}
}

// provisions are what a provision.sh may do: it is the first process of its sandbox, and has the machine's network.
var provisions = []string{
	"network", "abstract-socket", "commands",
	"descriptors-of-init", "journal", "memory-of-init", "environment-of-init", "root-of-init", "program-of-init", "trace", "trace-parent",
}

// TestNothingEscapesFromProvisioning has a provision.sh make the attempts. It has the machine's network, as documented, and nothing
// else of it.
func TestNothingEscapesFromProvisioning(t *testing.T) {
	outside := plant(t)
	outside.Processes, outside.Memory, outside.Tmpfs = 0, 0, 0 // bounded like all sandboxes, which the tests above show
	text, err := json.Marshal(outside)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "cp \"$(dirname \"$0\")/understudy-worker\" /tmp/ && /tmp/understudy-worker escape '" + string(text) + "' >/opt/understudy-attempts\n"
	if err := os.WriteFile(filepath.Join(dir, "provision.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	worker, err := os.ReadFile(filepath.Join(bin(t), "understudy-worker"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "understudy-worker"), worker, 0o700); err != nil {
		t.Fatal(err)
	}
	backend := namespace.New(namespace.Config{Bin: bin(t), Cache: t.TempDir(), Manifest: implementation.Manifest{
		Name: "escape", Slug: "escape", Dir: dir, Sandbox: implementation.Sandbox{Root: "host", Provision: "provision.sh"},
	}})
	defer backend.Close()
	if err := backend.Prepare(t.Context(), func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	p := start(t, backend, plan.Exec{User: "root", Argv: []string{"/bin/cat", "/opt/understudy-attempts"}})
	var stdout, stderr bytes.Buffer
	if code, err := shell.Attach(t.Context(), p, shell.Streams{Output: &stdout, Errors: &stderr}); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, stderr.String())
	}
	list, err := escape.Read(&stdout, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Outcome == escape.Through && !slices.Contains(provisions, r.Name) {
			t.Errorf("%s: provision.sh can %s", r.Name, r.Says)
		}
		t.Logf("%s %s: %s", r.Outcome, r.Name, r.Detail)
	}
}

func cacheFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "understudy")
}

func start(t *testing.T, backend sandbox.Backend, e plan.Exec) sandbox.Process {
	t.Helper()
	line, err := json.Marshal(plan.Plan{Schema: journal.Schema, Bin: sandbox.Bin, Sandbox: backend.Name(), Exec: &e})
	if err != nil {
		t.Fatal(err)
	}
	p, err := backend.Start(t.Context(), append(line, '\n'))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill(); _ = p.Wait() })
	return p
}

// attempts is the command line that makes all attempts.
func attempts(t *testing.T, worker string, outside escape.Outside) []string {
	t.Helper()
	text, err := json.Marshal(outside)
	if err != nil {
		t.Fatal(err)
	}
	return []string{worker, "escape", string(text)}
}

func results(t *testing.T, backend sandbox.Backend, user string, outside escape.Outside) []escape.Result {
	t.Helper()
	p := start(t, backend, plan.Exec{User: user, Argv: attempts(t, sandbox.Bin+"/understudy-worker", outside)})
	var stdout, stderr bytes.Buffer
	code, err := shell.Attach(t.Context(), p, shell.Streams{Output: &stdout, Errors: &stderr})
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, stderr.String())
	}
	list, err := escape.Read(&stdout, true)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestEveryAttemptGetsThroughWithoutAWall shows that no row of the list is empty words: made by a process of this machine, in
// namespaces of mounts and processes of its own only so that nothing is left of it, each gets through for root.
func TestEveryAttemptGetsThroughWithoutAWall(t *testing.T) {
	outside := plant(t)
	// Where the attempts would find nothing of the planted, their own namespaces hide it: these run in the machine's.
	open, here := map[string]bool{}, map[string]bool{}
	for _, isolated := range []bool{true, false} {
		worker := filepath.Join(bin(t), "understudy-worker")
		cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", `"$@"; exit $?`, "sh"}, withoutHogs(t, worker, outside)...)...)
		if isolated {
			const inside = `mount -t proc proc /proc && mount -t tmpfs tmpfs /mnt && cp "$1" /mnt/understudy-worker && shift && /mnt/understudy-worker "$@"; exit $?`
			cmd = exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", inside, "sh"}, attempts(t, worker, outside)...)...)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
			}
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		list, err := escape.Read(&stdout, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			open[r.Name] = open[r.Name] || r.Outcome == escape.Through
			here[r.Name] = here[r.Name] || r.Outcome != escape.Absent
			t.Logf("isolated %t: %s %s: %s", isolated, r.Outcome, r.Name, r.Detail)
		}
	}
	for _, a := range escape.Attempts {
		if !here[a.Name] && slices.Contains(excused, a.Name) {
			t.Logf("%s: this kernel has nothing to try it on", a.Name)
		} else if !open[a.Name] {
			t.Errorf("%s: root could not %s without any wall: the row shows nothing", a.Name, a.Says)
		}
	}
}

// withoutHogs leaves the bounds out, which the isolated round shows.
func withoutHogs(t *testing.T, worker string, outside escape.Outside) []string {
	t.Helper()
	outside.Processes, outside.Memory, outside.Tmpfs = 0, 0, 0
	return attempts(t, worker, outside)
}

// TestNothingIsJudgedWithoutAWall plays a case in a sandbox with all namespaces and mounts, and no wall: the worker finds out,
// says why, and starts nothing of the implementation.
func TestNothingIsJudgedWithoutAWall(t *testing.T) {
	spec, err := json.Marshal(namespace.Spec{
		Lower: []string{"/"}, Scratch: "/mnt", Hostname: "understudy", Trusted: true,
		Tmpfs: []namespace.Tmpfs{{Path: "/tmp", Mode: 0o1777}, {Path: "/run", Mode: 0o755}, {Path: "/home", Mode: 0o755}, {Path: "/srv", Mode: 0o755}},
		Binds: []namespace.Bind{{Source: bin(t), Target: sandbox.Bin, ReadOnly: true}},
		Argv:  []string{sandbox.Bin + "/understudy-worker", "init"},
	})
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	const kase = "IMP-004/runner/ids-and-groups"
	line, err := json.Marshal(plan.Plan{Schema: journal.Schema, Attempt: 1, Bin: sandbox.Bin, Cases: []plan.Case{{ID: kase, Role: role.Runner}}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin(t), "understudy-worker"), "sandbox")
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
	}
	input, err := cmd.StdinPipe() // the life line
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := write.Write(spec); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := fmt.Fprintf(input, "%s\n%s%s", line, plan.Next(kase), plan.Next("")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	events, err := journal.ReadAll(&stdout)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]journal.CaseEnd{}
	for _, e := range events {
		switch {
		case e.Control != nil:
			said["control"] = *journal.End(e.Control.Observation, 0)
		case e.CaseEnd != nil:
			said["case"] = *e.CaseEnd
		case e.Step != nil:
			t.Errorf("something was done: %+v", e.Step)
		}
	}
	for _, kind := range []string{"control", "case"} {
		seen := said[kind]
		if seen.Outcome != journal.CouldNotRun || !strings.Contains(seen.Says, "the sandbox is no wall") || !strings.Contains(seen.Says, "root can ") {
			t.Errorf("%s: %+v", kind, seen)
		}
	}
}
