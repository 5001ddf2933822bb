package namespace

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// asOuter is set for the process of TestKilledOuterCommandLeavesNothing that is killed.
const asOuter = "UNDERSTUDY_TEST_OUTER"

// TestMain lets the test binary play understudy-worker: "sandbox" enters, and "init"
// answers commands of the plan line by line.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "available" {
		if err := playAsker(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "lock" {
		os.Exit(playPackageManager(os.Args[2]))
	}
	if len(os.Args) > 1 && os.Args[1] == "sandbox" {
		spec, err := ReadSpec()
		if err == nil {
			err = Enter(spec)
		}
		fmt.Fprintln(os.Stderr, "enter:", err)
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(playInit())
	}
	if len(os.Args) > 1 && os.Args[1] == "sweep" {
		if err := Sweep(os.Stdin, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "sweep:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asOuter) != "" { // a process that a test kills
		os.Exit(m.Run())
	}
	os.Exit(apart.Run(m.Run))
}

// playInit prints the answer to every line on standard input: the output of that shell command.
func playInit() int {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "down" {
			return 3
		}
		out, err := exec.Command("/bin/sh", "-c", in.Text()).CombinedOutput()
		answer, _ := json.Marshal(map[string]string{"out": string(out), "err": fmt.Sprint(err)})
		fmt.Println(string(answer))
	}
	return 0
}

type box struct {
	t   *testing.T
	p   sandbox.Process
	out *bufio.Scanner
}

// run executes a shell command in the sandbox and returns what it printed.
func (b *box) run(command string) string {
	b.t.Helper()
	if _, err := io.WriteString(b.p.(*process).stdin, command+"\n"); err != nil {
		b.t.Fatalf("%s: %v; %s", command, err, b.p.Diagnostics())
	}
	return b.answer(command)
}

func (b *box) answer(command string) string {
	b.t.Helper()
	if !b.out.Scan() {
		b.t.Fatalf("%s: no answer: %v; %s", command, b.out.Err(), b.p.Diagnostics())
	}
	var answer struct{ Out, Err string }
	if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil {
		b.t.Fatal(err)
	}
	if answer.Err != "<nil>" {
		b.t.Fatalf("%s: %s: %s", command, answer.Err, answer.Out)
	}
	return strings.TrimSpace(answer.Out)
}

// manifest writes an implementation folder with the given provision script.
func manifest(t *testing.T, script string) implementation.Manifest {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "provision.sh"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return implementation.Manifest{Name: "test", Slug: "test", Dir: dir, Sandbox: implementation.Sandbox{Root: "host", Provision: "provision.sh"}}
}

// commands makes a folder in which every helper command is this test binary.
func commands(t testing.TB) string {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sandbox.Commands {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needRoot(t testing.TB) {
	t.Helper()
	if err := Available(); err != nil {
		t.Skipf("needs root and mount namespaces: %v", err)
	}
}

func prepared(t *testing.T, script string) *Backend {
	t.Helper()
	needRoot(t)
	b := New(Config{Bin: commands(t), Manifest: manifest(t, script), Cache: cacheFolder(t)})
	t.Cleanup(func() { b.Close() })
	if err := b.Prepare(t.Context(), func(text string) { t.Log(text) }); err != nil {
		t.Fatal(err)
	}
	return b
}

// cacheFolder is outside /tmp when TMPDIR is, so both choices of the scratch directory are seen over time.
func cacheFolder(t *testing.T) string { return t.TempDir() }

func (b *Backend) box(t *testing.T, first string) (*box, string) {
	t.Helper()
	p, err := b.Start(t.Context(), []byte(first+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill(); p.Wait() })
	x := &box{t: t, p: p, out: bufio.NewScanner(p.Events())}
	return x, x.answer(first)
}

func TestSandboxIsSeparateFromTheHost(t *testing.T) {
	b := prepared(t, "echo layered >/etc/understudy-layer; rm -f /etc/issue; [ ! -s /run/secrets/ca.crt ] || echo '[1/1] certificates are here'")
	x, pid := b.box(t, "echo $PPID")
	if pid != "1" {
		t.Errorf("the first process has id %s inside", pid)
	}
	policy := "/usr/sbin/policy-rc.d" // where the host has one, it stays
	if _, err := os.Stat(policy); err != nil {
		policy = "none"
	}
	for _, c := range []struct{ what, command, want string }{
		{"layer", "cat /etc/understudy-layer", "layered"},
		{"whiteout", "ls /etc/issue 2>/dev/null || echo gone", "gone"},
		{"host name", "hostname; getent hosts understudy | wc -l", "understudy\n1"},
		{"loopback only, up", "cat /sys/class/net/lo/carrier; ls /sys/class/net", "1\nlo"},
		{"home of root hidden", "ls -A /root /home /srv /tmp | grep -v : | tr -d '\\n'", ""},
		{"setuid works", "grep -c nosuid /proc/self/mountinfo >/dev/null; awk '$5==\"/\" {print $6}' /proc/self/mountinfo | grep -c nosuid || true", "0"},
		{"helper commands read only", "touch /understudy/bin/x 2>&1 | grep -c Read-only", "1"},
		{"folder is root's, readable", "stat -c '%u %a' /understudy/implementation/provision.sh /understudy/implementation", "0 644\n0 755"},
		{"devices", "echo x >/dev/null; head -c 3 /dev/zero | wc -c; stat -c %a /dev/ptmx /dev/shm /tmp", "3\n777\n1777\n1777"},
		{"old root gone", "awk '$5 == \"/\"' /proc/self/mountinfo | wc -l; ls /mnt | wc -l", "1\n0"},
		{"policy-rc.d is not kept", "ls /usr/sbin/policy-rc.d 2>/dev/null || echo none", policy},
	} {
		if got := x.run(c.command); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
	if _, err := os.Stat("/etc/understudy-layer"); err == nil {
		t.Error("the layer reached the host")
	}
}

// TestFirstProcessHoldsNothingOfOutside looks from outside at what the first process and its child have open, while the caller
// has a descriptor that is not closed by exec, as shells and CI runners leave them.
func TestFirstProcessHoldsNothingOfOutside(t *testing.T) {
	b := prepared(t, ":")
	kept, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	const number = 77
	if err := unix.Dup3(int(kept.Fd()), number, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(number)
	x, _ := b.box(t, "echo ready")
	if got := x.run("ls /proc/self/fd | tr '\\n' ' '"); got != "0 1 2 3" { // 3 is the list itself
		t.Errorf("a program inside has the descriptors %s", got)
	}
	folder := fmt.Sprintf("/proc/%d/fd", x.p.(*process).cmd.Process.Pid)
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d descriptors of the first process: %v", len(entries), err)
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		if !strings.HasPrefix(target, "pipe:") && !strings.HasPrefix(target, "anon_inode:[event") {
			t.Errorf("descriptor %s of the first process is %s", entry.Name(), target)
		}
	}
}

// TestMountsOfASandbox reads what the kernel says of them: each but device nodes and pseudo terminals is nodev, each tmpfs has a
// size, and what Docker hides and protects is hidden and protected.
func TestMountsOfASandbox(t *testing.T) {
	b := prepared(t, ":")
	x, _ := b.box(t, "echo ready")
	options, kinds, sizes := map[string]string{}, map[string]string{}, map[string]string{}
	for line := range strings.Lines(x.run("cat /proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		options[fields[4]], kinds[fields[4]], sizes[fields[4]] = ","+fields[5]+",", rest[0], ","+rest[2]
	}
	for path := range options {
		switch {
		case kinds[path] == "devtmpfs":
			if !strings.Contains(options[path], ",ro,") {
				t.Errorf("%s is a node of the machine: %s", path, options[path])
			}
		case path != "/dev/pts" && !strings.Contains(options[path], ",nodev,"):
			t.Errorf("%s may have device nodes: %s", path, options[path])
		}
		if kinds[path] == "tmpfs" && !strings.HasPrefix(path, "/understudy/") && !strings.Contains(sizes[path], ",size=") {
			t.Errorf("%s has no size: %s", path, sizes[path])
		}
	}
	for _, path := range []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
		"/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap",
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
	} {
		if _, err := os.Lstat(path); err != nil {
			continue // this kernel has none
		}
		if !strings.Contains(options[path], ",ro,") {
			t.Errorf("%s is neither hidden nor read-only: %q", path, options[path])
		}
	}
}

// TestNamespacesAreTheSandboxesOwn compares them with those of this process.
func TestNamespacesAreTheSandboxesOwn(t *testing.T) {
	b := prepared(t, ":")
	x, _ := b.box(t, "echo ready")
	for _, kind := range []string{"mnt", "pid", "uts", "ipc", "net"} {
		outside, err := os.Readlink("/proc/self/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		if inside := x.run("readlink /proc/self/ns/" + kind); inside == outside || inside == "" {
			t.Errorf("%s: %s inside and outside", kind, inside)
		}
	}
	first := x.p.(*process).cmd.Process.Pid
	if session, err := unix.Getsid(first); err != nil || session != first {
		t.Errorf("the first process is in session %d (%v): the keys of a terminal would reach it", session, err)
	}
}

// TestShownFolders holds the list, which docs/sandboxes.md has, too.
func TestShownFolders(t *testing.T) {
	want := []string{"bin", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var"}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProvisioningIsBehindTheWall has a script write down what it may do.
func TestProvisioningIsBehindTheWall(t *testing.T) {
	b := prepared(t, "grep -E '^(CapBnd|Seccomp):' /proc/self/status >/etc/understudy-provision")
	if _, said := b.box(t, "cat /etc/understudy-provision | tr -d '\\n\\t '"); said != "CapBnd:00000000a00401fb"+"Seccomp:2" {
		t.Errorf("provision.sh had %s", said)
	}
}

func TestSandboxesDoNotSeeEachOther(t *testing.T) {
	b := prepared(t, ":")
	one, _ := b.box(t, "echo one >/etc/mark; echo ok")
	two, _ := b.box(t, "ls /etc/mark 2>/dev/null || echo absent")
	if got := two.run("cat /etc/mark 2>/dev/null || echo absent"); got != "absent" {
		t.Errorf("the second sandbox sees %q of the first", got)
	}
	if got := one.run("cat /etc/mark"); got != "one" {
		t.Errorf("the first sandbox lost its file: %q", got)
	}
}

func TestLayerIsMadeOnceAndFollowsItsScript(t *testing.T) {
	needRoot(t)
	cache, bin := t.TempDir(), commands(t)
	m := manifest(t, "echo '[1/1] working'; echo first >/etc/understudy-layer")
	prepare := func() (said []string, content string) {
		b := New(Config{Bin: bin, Manifest: m, Cache: cache})
		defer b.Close()
		if err := b.Prepare(t.Context(), func(text string) { said = append(said, text) }); err != nil {
			t.Fatal(err)
		}
		_, content = b.box(t, "cat /etc/understudy-layer")
		return said, content
	}
	said, content := prepare()
	if want := "[1/1] working"; len(said) == 0 || said[len(said)-1] != want || content != "first" {
		t.Errorf("first run: said %q, layer has %q", said, content)
	}
	if said, content = prepare(); len(said) > 0 || content != "first" {
		t.Errorf("second run: said %q, layer has %q, want it from the cache", said, content)
	}
	if err := os.WriteFile(filepath.Join(m.Dir, "provision.sh"), []byte("echo second >/etc/understudy-layer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, content = prepare(); content != "second" {
		t.Errorf("after a change of the script the layer has %q", content)
	}
}

func TestDamagedLayerIsMadeAgain(t *testing.T) {
	needRoot(t)
	cached, bin := t.TempDir(), commands(t)
	m := manifest(t, "echo layered >/etc/understudy-layer")
	prepare := func() (said string) {
		b := New(Config{Bin: bin, Manifest: m, Cache: cached})
		defer b.Close()
		if err := b.Prepare(t.Context(), func(text string) { said += text + "\n" }); err != nil {
			t.Fatal(err)
		}
		if _, content := b.box(t, "cat /etc/understudy-layer"); content != "layered" {
			t.Errorf("the layer has %q", content)
		}
		return said
	}
	prepare()
	found, err := filepath.Glob(filepath.Join(cached, "layers", "*.tar"))
	if err != nil || len(found) != 1 {
		t.Fatalf("layers: %q, %v", found, err)
	}
	for name, damage := range map[string]func() error{
		"empty":     func() error { return os.Truncate(found[0], 0) },
		"truncated": func() error { return os.Truncate(found[0], 700) },
		"folder":    func() error { return errors.Join(os.Remove(found[0]), os.Mkdir(found[0], 0o755)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if said := prepare(); !strings.Contains(said, "the cached layer is damaged: made again") {
			t.Errorf("%s: said %q", name, said)
		}
	}
	if said := prepare(); said != "" {
		t.Errorf("afterwards: said %q", said)
	}
}

func TestFailedProvisioningNamesTheLog(t *testing.T) {
	needRoot(t)
	b := New(Config{Bin: commands(t), Manifest: manifest(t, "echo no such thing as a free lunch; exit 7"), Cache: t.TempDir()})
	defer b.Close()
	err := b.Prepare(t.Context(), func(string) {})
	if err == nil {
		t.Fatal("a failing provision.sh was accepted")
	}
	for _, want := range []string{"exit status 7", "free lunch", ".log"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestEndOfInputEndsTheSandbox(t *testing.T) {
	b := prepared(t, ":")
	x, _ := b.box(t, "setsid sleep 1000 >/dev/null 2>&1 & echo started")
	if err := x.p.End(); err != nil {
		t.Fatal(err)
	}
	if err := x.p.Wait(); err != nil {
		t.Errorf("sandbox ended with %v", err)
	}
}

func TestDeathOfTheFirstProcessIsReported(t *testing.T) {
	b := prepared(t, ":")
	x, _ := b.box(t, "echo ready")
	io.WriteString(x.p.(*process).stdin, "down\n")
	if rest, err := io.ReadAll(x.p.Events()); err != nil || len(rest) > 0 {
		t.Errorf("after death: %q, %v", rest, err)
	}
	if err := x.p.Wait(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Wait returned %v", err)
	}
}

// TestNothingIsLeft counts mounts, processes and temporary files of the host around many sandboxes.
func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	before := hostState(t)
	func() {
		b := New(Config{Bin: commands(t), Manifest: manifest(t, ":"), Cache: t.TempDir()})
		defer b.Close()
		if err := b.Prepare(t.Context(), func(string) {}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			p, err := b.Start(t.Context(), []byte("setsid -f sleep 1000 >/dev/null 2>&1; echo ok\n"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(p.Events()).ReadString('\n'); err != nil {
				t.Fatalf("%v: %s", err, p.Diagnostics())
			}
		}
	}()
	if diff := cmp.Diff(before, hostState(t)); diff != "" {
		t.Errorf("the host changed (-before +after):\n%s", diff)
	}
}

func hostState(t *testing.T) map[string]string {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	var children []string
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err == nil {
			children = append(children, strings.Fields(string(text))...)
		}
	}
	return map[string]string{"mounts": string(mounts), "namespace": self, "children": strings.Join(children, " ")}
}

// TestKilledOuterCommandLeavesNothing kills a process with sandboxes and waits until their first processes are gone.
func TestKilledOuterCommandLeavesNothing(t *testing.T) {
	needRoot(t)
	if os.Getenv(asOuter) != "" {
		b := prepared(t, ":")
		for range 3 {
			x, _ := b.box(t, "setsid -f sleep 1000 >/dev/null 2>&1; echo ok")
			fmt.Println("pid", x.p.(*process).cmd.Process.Pid)
			for _, dir := range x.p.(*process).group {
				fmt.Println("group", filepath.Dir(dir))
			}
		}
		fmt.Println("up")
		select {}
	}
	outer := exec.Command(os.Args[0], "-test.run=^TestKilledOuterCommandLeavesNothing$")
	outer.Env = append(os.Environ(), asOuter+"=1", "TMPDIR="+t.TempDir())
	stdout, err := outer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Start(); err != nil {
		t.Fatal(err)
	}
	var fds []int
	groups := map[string]bool{}
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "up"; {
		var pid int
		if n, _ := fmt.Sscanf(lines.Text(), "pid %d", &pid); n == 1 {
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, fd)
		}
		if dir, is := strings.CutPrefix(lines.Text(), "group "); is {
			groups[dir] = true
		}
	}
	if len(fds) != 3 {
		t.Fatalf("%d sandboxes came up, want 3", len(fds))
	}
	outer.Process.Kill()
	outer.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	for _, fd := range fds {
		left, _ := ctx.Deadline()
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, int(time.Until(left).Milliseconds())); n != 1 {
			t.Errorf("a sandbox lives on after the outer command was killed (%v)", err)
		}
		unix.Close(fd)
	}
	if len(groups) == 0 {
		t.Log("no control groups can be made here")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for dir := range groups { // the sweeper removes them, which nobody is told
		for _, err := os.Stat(dir); err == nil; _, err = os.Stat(dir) {
			if ctx.Err() != nil {
				t.Fatalf("the control group %s is left", dir)
			}
			<-tick.C
		}
	}
}

func TestOrdinaryUserIsToldWhatIsMissing(t *testing.T) {
	err := allowed(1000)
	if !errors.Is(err, sandbox.ErrUnavailable) || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("allowed(1000) = %v", err)
	}
	if err := allowed(0); err != nil {
		t.Errorf("allowed(0) = %v", err)
	}
}

func TestScratchHidesNothingThatIsNeeded(t *testing.T) {
	for _, needed := range []string{"/root/.cache/understudy", "/tmp/cache", "/tmp"} {
		dir, err := scratchFor(needed)
		if err != nil || needed == dir || strings.HasPrefix(needed, dir+"/") {
			t.Errorf("scratchFor(%s) = %s, %v", needed, dir, err)
		}
	}
}

func BenchmarkStartToFirstAnswer(b *testing.B) {
	needRoot(b)
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "provision.sh"), []byte(":"), 0o600); err != nil {
		b.Fatal(err)
	}
	backend := New(Config{Bin: commands(b), Cache: b.TempDir(), Manifest: implementation.Manifest{
		Dir: dir, Sandbox: implementation.Sandbox{Root: "host", Provision: "provision.sh"}}})
	defer backend.Close()
	if err := backend.Prepare(b.Context(), func(string) {}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := backend.Start(b.Context(), []byte("\n"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bufio.NewReader(p.Events()).ReadString('\n'); err != nil {
			b.Fatalf("%v: %s", err, p.Diagnostics())
		}
		p.Kill()
		p.Wait()
	}
}
