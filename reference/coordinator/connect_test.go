package coordinator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
	"github.com/understudy-conformance/understudy/reference/descent"
)

// A runtime is this test binary in the place of a language runtime. It does what
// its act says with the addresses that it is given.
var acts = map[string]func(comm, logs string){
	"comm first": func(comm, logs string) { greet(comm, "comm"); greet(logs, "logs"); stay() },
	"logs first": func(comm, logs string) { greet(logs, "logs"); greet(comm, "comm"); stay() },
	"by IPv6": func(comm, logs string) {
		for name, target := range map[string]string{"comm": comm, "logs": logs} {
			mapped(target, name)
		}
		stay()
	},
	"by a child": func(comm, logs string) {
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = []string{"RUNTIME=comm first"}
		_ = cmd.Run()
	},
	"three times":    func(comm, logs string) { greet(comm, "comm"); greet(comm, "again"); greet(logs, "logs"); stay() },
	"comm only":      func(comm, logs string) { greet(comm, "comm"); stay() },
	"logs only":      func(comm, logs string) { greet(logs, "logs"); stay() },
	"never":          func(comm, logs string) { stay() },
	"ends":           func(comm, logs string) { fmt.Println("no such task"); os.Exit(3) },
	"comm, and ends": func(comm, logs string) { greet(comm, "comm"); os.Exit(3) },
	"when told": func(comm, logs string) {
		_, _ = io.ReadAll(os.Stdin)
		greet(comm, "comm")
		greet(logs, "logs")
		stay()
	},
	"late": func(comm, logs string) {
		time.Sleep(2 * time.Second)
		greet(comm, "comm")
		greet(logs, "logs")
		stay()
	},
}

func TestMain(m *testing.M) {
	if act := os.Getenv("RUNTIME"); act != "" {
		acts[act](strings.TrimPrefix(os.Args[1], "--comm="), strings.TrimPrefix(os.Args[2], "--logs="))
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "execute" {
		fmt.Fprintln(os.Stderr, delegate.Execute())
		os.Exit(1)
	}
	os.Exit(apart.Run(func() int {
		code := m.Run()
		os.RemoveAll(copiedIn)
		return code
	}))
}

// greet connects and says a word, so that the test can tell connections apart.
func greet(target, word string) net.Conn {
	conn, err := net.Dial("tcp", target)
	if err != nil {
		return nil
	}
	_, _ = io.WriteString(conn, word+"\n")
	return conn
}

func mapped(target, word string) {
	_, port, _ := net.SplitHostPort(target)
	conn, err := net.Dial("tcp6", "[::ffff:127.0.0.1]:"+port)
	if err != nil {
		// net makes an IPv4 socket of such an address; the system call does not.
		fd, _ := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
		a := netip.MustParseAddrPort("127.0.0.1:" + port)
		_ = syscall.Connect(fd, &syscall.SockaddrInet6{Port: int(a.Port()), Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()})
		_, _ = syscall.Write(fd, []byte(word+"\n"))
		return
	}
	_, _ = io.WriteString(conn, word+"\n")
}

func stay() { time.Sleep(time.Minute) }

// process is a runtime that was started, and what it takes to accept it.
type process struct {
	cmd     *exec.Cmd
	output  bytes.Buffer
	runtime Runtime
}

func launch(t *testing.T, act string, l *Listener, credential *syscall.Credential) *process {
	t.Helper()
	return begin(t, []string{"RUNTIME=" + act}, nil, credential, l.Arguments()...)
}

// begin starts a copy of this binary.
func begin(t *testing.T, environ []string, input *os.File, credential *syscall.Credential, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(self(t), args...)}
	p.cmd.Env = environ
	if input != nil {
		p.cmd.Stdin = input
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(exited) }()
	pid := p.cmd.Process.Pid
	p.runtime = Runtime{UID: os.Geteuid(), Exited: exited, Processes: func() ([]int, error) {
		pids := []int{pid}
		all, err := descent.Of(pid)
		for _, d := range all {
			pids = append(pids, d.PID)
		}
		return pids, err
	}}
	if credential != nil {
		p.runtime.UID = int(credential.Uid)
	}
	t.Cleanup(func() {
		pids, _ := p.runtime.Processes()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-exited
	})
	return p
}

// self is a copy of this binary that every user may execute.
func self(t *testing.T) string {
	t.Helper()
	path, err := copied()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var copied = sync.OnceValues(func() (path string, err error) {
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", err
	}
	if copiedIn, err = os.MkdirTemp("", "coordinator"); err != nil {
		return "", err
	}
	path = filepath.Join(copiedIn, "runtime")
	return path, errors.Join(os.WriteFile(path, text, 0o755), os.Chmod(copiedIn, 0o755))
})

var copiedIn string // folder, "" if no test asked for the copy

func listen(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// heard is what arrived on a connection first.
func heard(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience.Limit))
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(b[:n]))
}

func shut(c Channels) {
	c.Comm.Close()
	c.Logs.Close()
}

func none(t *testing.T) func(string) {
	return func(text string) { t.Errorf("refused: %s", text) }
}

func TestAccept(t *testing.T) {
	for _, act := range []string{"comm first", "logs first", "by IPv6", "by a child", "three times"} {
		t.Run(act, func(t *testing.T) {
			l := listen(t)
			p := launch(t, act, l, nil)
			c, err := l.Accept(t.Context(), p.runtime, patience.Limit, none(t))
			if err != nil {
				t.Fatalf("%v\n%s", err, p.output.String())
			}
			defer shut(c)
			if comm, logs := heard(t, c.Comm), heard(t, c.Logs); comm != "comm" || logs != "logs" {
				t.Errorf("comm %q, logs %q", comm, logs)
			}
			if conn, err := net.Dial("tcp", strings.TrimPrefix(l.Arguments()[0], "--comm=")); err == nil {
				conn.Close()
				t.Error("the port is still open")
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	for _, c := range []struct {
		act     string
		timeout time.Duration
		want    string
	}{
		{"comm only", 8 * time.Second, "did not connect to --logs within 8s"},
		{"logs only", 8 * time.Second, "did not connect to --comm within 8s"},
		{"never", 500 * time.Millisecond, "did not connect to --comm and --logs within 500ms"},
		{"late", 500 * time.Millisecond, "did not connect to --comm and --logs within 500ms"},
		{"ends", patience.Limit, "ended before it connected to --comm and --logs"},
		{"comm, and ends", patience.Limit, "ended before it connected to --"},
	} {
		t.Run(c.act, func(t *testing.T) {
			l := listen(t)
			p := launch(t, c.act, l, nil)
			_, err := l.Accept(t.Context(), p.runtime, c.timeout, func(string) {})
			var start *StartError
			if !errors.As(err, &start) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestAcceptIsCalledOff(t *testing.T) {
	l := listen(t)
	p := launch(t, "never", l, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := l.Accept(ctx, p.runtime, time.Minute, none(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	gone := listen(t)
	gone.Close()
	if _, err := gone.Accept(t.Context(), p.runtime, time.Minute, none(t)); err == nil || !strings.Contains(err.Error(), "accept connection") {
		t.Errorf("closed ports: %v", err)
	}
}

// TestStrangersAreRefused: a process of the same user that is none of the
// runtime's gets to the ports first, many times, and changes nothing.
func TestStrangersAreRefused(t *testing.T) {
	l := listen(t)
	var refused []string
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for i, argument := range l.Arguments() {
		target := strings.SplitN(argument, "=", 2)[1]
		conn := greet(target, "stranger") // before the runtime is even started
		if conn == nil {
			t.Fatal("no port to connect to")
		}
		defer conn.Close()
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c := greet(target, fmt.Sprint("stranger ", i)); c != nil {
					c.Close()
				}
			}
		})
	}
	p := launch(t, "comm first", l, nil)
	c, err := l.Accept(t.Context(), p.runtime, patience.Limit, func(text string) { refused = append(refused, text) })
	close(stop)
	flood.Wait()
	if err != nil {
		t.Fatal(err)
	}
	defer shut(c)
	if comm, logs := heard(t, c.Comm), heard(t, c.Logs); comm != "comm" || logs != "logs" {
		t.Errorf("comm %q, logs %q", comm, logs)
	}
	if len(refused) == 0 || len(refused) > maxShown+1 {
		t.Errorf("%d lines about refused connections:\n%s", len(refused), strings.Join(refused, "\n"))
	}
	t.Logf("%s", strings.Join(refused, "\n"))
}

// TestOtherUsers needs processes of other users: a runtime of one and a stranger of
// another.
func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to start processes of other users takes root")
	}
	alice := &syscall.Credential{Uid: 62952, Gid: 62952}
	bob := &syscall.Credential{Uid: 62953, Gid: 62953}
	l := listen(t)
	launch(t, "comm first", l, bob)
	gate, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	p := begin(t, []string{"RUNTIME=when told"}, gate, alice, l.Arguments()...)
	gate.Close()
	c, err := l.Accept(t.Context(), p.runtime, patience.Limit, func(text string) {
		if refused = append(refused, text); len(refused) == 2 {
			tell.Close()
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, p.output.String(), refused)
	}
	shut(c)
	if len(refused) != 2 || !strings.Contains(refused[0], "belongs to uid 62953, the runtime is of uid 62952") {
		t.Errorf("%q", refused)
	}
}

// TestHiddenProcesses: what this process may not look at is asked of others.
func TestHiddenProcesses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to give up being root takes root")
	}
	asked := 0
	r := Runtime{
		Processes: func() ([]int, error) { return []int{os.Getpid()}, nil },
		Sockets: func(context.Context, []int) (map[uint64]bool, error) {
			asked++
			return map[uint64]bool{7: true}, nil
		},
	}
	if _, err := r.sockets(t.Context()); err != nil || asked != 0 {
		t.Errorf("asked %d times about itself: %v", asked, err)
	}
	inUnprivilegedThread(t, func() {
		r.Processes = func() ([]int, error) { return []int{1}, nil }
		inodes, err := r.sockets(t.Context())
		if err != nil || asked != 1 || !inodes[7] {
			t.Errorf("asked %d times, %v: %v", asked, inodes, err)
		}
		r.Sockets = nil
		if inodes, err = r.sockets(t.Context()); err != nil || len(inodes) != 0 {
			t.Errorf("with nobody to ask: %v: %v", inodes, err)
		}
		r.Sockets = func(context.Context, []int) (map[uint64]bool, error) { return nil, errors.New("sudo: no") }
		if _, err = r.sockets(t.Context()); err == nil {
			t.Error("a question without an answer is taken for an answer")
		}
	})
	r.Processes = func() ([]int, error) { return nil, errors.New("no /proc") }
	if _, err := r.sockets(t.Context()); err == nil {
		t.Error("without a list of processes there are none")
	}
}

// TestBundleIsStarted goes the whole way: a bundle in a folder that only this user
// may enter becomes a runtime of another user, although the file was exchanged
// after it was verified.
func TestBundleIsStarted(t *testing.T) {
	var users []*syscall.Credential
	if users = append(users, nil); os.Geteuid() == 0 {
		users = append(users, &syscall.Credential{Uid: 62952, Gid: 62952})
	}
	for _, user := range users {
		root := t.TempDir()
		if err := os.Chmod(root, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, "bundle")
		if err := PackFile(path, self(t), []byte("source"), holding("etl")); err != nil {
			t.Fatal(err)
		}
		a, err := new(Library).Find(t.Context(), []string{root}, "etl")
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		place(t, path+".new", "#!/bin/sh\necho exchanged\n", holding("etl"))
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		l := listen(t)
		ours, theirs := socketpair(t)
		p := begin(t, nil, theirs, user, "execute")
		theirs.Close()
		if err := a.Send(ours, l.Arguments(), []string{"RUNTIME=logs first"}); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept(t.Context(), p.runtime, patience.Limit, none(t))
		if err != nil {
			t.Fatalf("%v\n%s", err, p.output.String())
		}
		if comm, logs := heard(t, c.Comm), heard(t, c.Logs); comm != "comm" || logs != "logs" {
			t.Errorf("comm %q, logs %q", comm, logs)
		}
		shut(c)
		pid := p.cmd.Process.Pid
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || !strings.HasPrefix(string(line), path+"\x00--comm=") {
			t.Errorf("%v: command line %q", err, line)
		}
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pid)); target != os.DevNull {
			t.Errorf("its input is %q: %v", target, err)
		}
		open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range open {
			if target, _ := os.Readlink(fd); strings.HasPrefix(target, "/memfd:") {
				t.Errorf("it holds %s, %q", fd, target)
			}
		}
		if len(open) < 5 || err != nil { // 0 to 2 and the connections
			t.Errorf("it has %d descriptors: %v", len(open), err)
		}
	}
}

func socketpair(t *testing.T) (*net.UnixConn, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[0]), "ours")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "theirs")
}

func TestSendIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bundle")
	place(t, path, "#!", holding("etl"))
	a, err := new(Library).Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ours, theirs := socketpair(t)
	if err := a.Send(ours, []string{strings.Repeat("x", 4<<20)}, nil); err == nil {
		t.Error("an order of any length is sent")
	}
	theirs.Close()
	if err := a.Send(ours, nil, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("to nobody: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0100007F":                              "",
		"0100007F:":                             "",
		"0100007F:10000":                        "",
		"01007F:0050":                           "",
		"0100007G:0050":                         "",
	} {
		got, ok := parseAddress([]byte(text))
		if want == "" && ok || want != "" && (!ok || got != netip.MustParseAddrPort(want)) {
			t.Errorf("%s: %v, %v, want %s", text, got, ok, want)
		}
	}
}

func address(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func TestClosedConnectionsHaveNoOwner(t *testing.T) {
	why, err := Runtime{}.owned(t.Context(), []pair{{far: address("127.0.0.1:1"), near: address("127.0.0.1:2")}})
	if err != nil || len(why) != 1 {
		t.Errorf("%v: %v", why, err)
	}
}
