//go:build endings

package endings

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
)

// manifest is an implementation that has an image, and repository the name of that.
const (
	manifest   = "../../images/reference/implementation.yaml"
	repository = "understudy/reference"
	base       = "understudy/base:trixie"
)

// engine is a container engine of the test's own, which nobody misses when it is killed. It can
// build nothing, since it has no network: it gets the images that the machine's engine has.
type engine struct {
	t      *testing.T
	dir    string
	daemon *exec.Cmd
}

// TestTheEngineEnds plays the rows of the engine: it is killed in a case. Started again, it has no
// container of the run any more.
func TestTheEngineEnds(t *testing.T) {
	s := build(t)
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("needs dockerd, for an engine of its own")
	}
	dir, err := os.MkdirTemp("", "understudy-engine-") // not below that of the test, where a run may leave no mount
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir}
	t.Cleanup(e.remove)
	e.start()
	e.takeImages(s)
	s.sandbox, s.env = "docker", []string{"DOCKER_HOST=" + e.host()}
	plain := exec.Command(s.command(), s.arguments(filepath.Join(t.TempDir(), "plain"))...)
	plain.Env = append(os.Environ(), s.env...)
	if out, err := plain.CombinedOutput(); err != nil {
		t.Fatalf("a run that nothing happens to: %v\n%s", err, out)
	}
	for range rounds(t) {
		for _, row := range Table {
			if row.Who == Engine {
				s.play(t, row, In, deed{"engine", func(*round) bool { return e.killed() }})
				e.start()
				e.cleaned(s)
			}
		}
	}
}

func (e *engine) host() string { return "unix://" + filepath.Join(e.dir, "socket") }

// docker asks this engine, or with "" for the host that of the machine.
func (e *engine) docker(host string, arguments ...string) *exec.Cmd {
	cmd := exec.Command("/usr/bin/docker", arguments...)
	cmd.Env = os.Environ()
	if host != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+host)
	}
	return cmd
}

// start starts the engine and waits until it answers.
func (e *engine) start() {
	e.t.Helper()
	says, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer says.Close()
	in := func(name string) string { return filepath.Join(e.dir, name) }
	e.daemon = exec.Command("dockerd", "--host", e.host(), "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("pid"),
		"--iptables=false", "--ip6tables=false", "--ip-forward=false")
	e.daemon.Stdout, e.daemon.Stderr = says, says
	e.daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} // the bridge is that of the machine's engine elsewhere
	if err := e.daemon.Start(); err != nil {
		e.t.Fatal(err)
	}
	for began := time.Now(); e.docker(e.host(), "info").Run() != nil; time.Sleep(50 * time.Millisecond) { // between two questions
		if time.Since(began) > patience.Limit {
			text, err := os.ReadFile(says.Name())
			e.t.Fatalf("the engine does not answer: %s, %v", text[max(0, len(text)-4000):], err)
		}
	}
}

// killed kills the engine alone, as the kernel does where memory is short. Its containers live on.
func (e *engine) killed() bool {
	if e.daemon.Process.Signal(syscall.SIGKILL) != nil {
		return false
	}
	_ = e.daemon.Wait() // it was killed
	return true
}

// remove ends the engine when the test is over, and removes what it has on the disk.
func (e *engine) remove() {
	for _, name := range e.containers() {
		_ = e.docker(e.host(), "rm", "--force", name).Run() // else it ends with the namespace of the tests
	}
	_ = e.daemon.Process.Signal(syscall.SIGTERM)
	_ = e.daemon.Wait() // it was asked to end
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		e.t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, e.dir+"/") {
			if err := unix.Unmount(at, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) { // it lay below another
				e.t.Errorf("unmount %s: %v", at, err)
			}
		}
	}
	if err := os.RemoveAll(e.dir); err != nil {
		e.t.Error(err)
	}
}

// takeImages has the machine's engine make the image, and copies it.
func (e *engine) takeImages(s *site) {
	e.t.Helper()
	made := *s
	made.sandbox = "docker"
	if out, err := exec.Command(s.command(), made.arguments(filepath.Join(e.t.TempDir(), "made"))...).CombinedOutput(); err != nil {
		e.t.Fatalf("a run with the machine's engine: %v\n%s", err, out)
	}
	names, err := e.docker("", "images", "--format", "{{.Repository}}:{{.Tag}}", repository).Output()
	if err != nil {
		e.t.Fatal(err)
	}
	save := e.docker("", append([]string{"save", base}, strings.Fields(string(names))...)...)
	load := e.docker(e.host(), "load")
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		e.t.Fatal(err)
	}
	if err := save.Start(); err != nil {
		e.t.Fatal(err)
	}
	if out, err := load.CombinedOutput(); err != nil {
		e.t.Errorf("copy the images: %v\n%s", err, out)
	}
	if err := save.Wait(); err != nil {
		e.t.Fatalf("copy the images: %v", err)
	}
}

func (e *engine) containers() []string {
	out, err := e.docker(e.host(), "ps", "--all", "--format", "{{.Names}}").Output()
	if err != nil {
		e.t.Errorf("list the containers: %v", err)
	}
	return strings.Fields(string(out))
}

// cleaned wants that nothing of the run is in the engine, once the user has cleaned up.
func (e *engine) cleaned(s *site) {
	e.t.Helper()
	clean := exec.Command(s.command(), "clean")
	clean.Env = append(os.Environ(), s.env...)
	if out, err := clean.CombinedOutput(); err != nil {
		e.t.Errorf("clean: %v\n%s", err, out)
	}
	if left := e.containers(); len(left) > 0 {
		e.t.Errorf("left in the engine: %q", left)
	}
}
