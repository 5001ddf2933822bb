package delegate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
)

// This test binary in the place of the runner: it executes what it is sent.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "execute" {
		fmt.Fprintln(os.Stderr, Execute())
		os.Exit(1)
	}
	os.Exit(apart.Run(m.Run))
}

func memory(t *testing.T, content string, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { file.Close() })
	if _, err := file.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return file
}

func sockets(t *testing.T) (ours *net.UnixConn, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fds[0]), "ours")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { conn.Close(); theirs.Close() })
	return conn.(*net.UnixConn), theirs
}

// execute runs this binary with an end of a socket as descriptor 0 and send at the
// other.
func execute(t *testing.T, send func(*net.UnixConn)) (output string, err error) {
	t.Helper()
	ours, theirs := sockets(t)
	cmd := exec.Command("/proc/self/exe", "execute")
	cmd.Stdin = theirs
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	send(ours)
	ours.Close()
	err = cmd.Wait()
	return b.String(), err
}

func send(c *net.UnixConn, o Order, memory *os.File) error {
	b, err := o.Encode()
	if err != nil {
		return err
	}
	n, _, err := c.WriteMsgUnix(b, unix.UnixRights(int(memory.Fd())), nil)
	if err == nil && n < len(b) {
		_, err = c.Write(b[n:])
	}
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestExecute(t *testing.T) {
	echo, err := os.ReadFile("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$0\" is given \"$1\", has $V, reads \"$(cat)\"\n"
	t.Run("a script, with an empty input", func(t *testing.T) {
		output, err := execute(t, func(c *net.UnixConn) {
			must(t, send(c, Order{Argv: []string{"/bundles/x", "--comm=1"}, Environ: []string{"V=its own", "PATH=/bin:/usr/bin"}}, memory(t, script, Seals)))
		})
		if err != nil || !strings.Contains(output, "is given --comm=1, has its own, reads \n") || !strings.HasPrefix(output, "/proc/self/fd/") {
			t.Errorf("%v: %s", err, output)
		}
	})
	t.Run("a binary", func(t *testing.T) {
		output, err := execute(t, func(c *net.UnixConn) {
			must(t, send(c, Order{Argv: []string{"x", "hello"}}, memory(t, string(echo), Seals)))
		})
		if err != nil || output != "hello\n" {
			t.Errorf("%v: %s", err, output)
		}
	})
	t.Run("an environment larger than a socket's buffer", func(t *testing.T) {
		large := strings.Repeat("x", 100_000)
		output, err := execute(t, func(c *net.UnixConn) {
			must(t, send(c, Order{Argv: []string{"x"}, Environ: []string{"A=" + large, "B=" + large, "C=" + large}}, memory(t, "#!/bin/sh\necho ${#A} ${#B} ${#C}\n", Seals)))
		})
		if err != nil || output != "100000 100000 100000\n" {
			t.Errorf("%v: %.100s", err, output)
		}
	})
	for _, c := range []struct {
		name string
		send func(*net.UnixConn)
		want string
	}{
		{"memory without seals", func(c *net.UnixConn) { must(t, send(c, Order{Argv: []string{"x"}}, memory(t, script, 0))) }, "could still change"},
		{"memory with too few seals", func(c *net.UnixConn) {
			must(t, send(c, Order{Argv: []string{"x"}}, memory(t, script, unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)))
		}, "could still change"},
		{"a file", func(c *net.UnixConn) {
			file, err := os.Open("/bin/echo")
			must(t, err)
			defer file.Close()
			must(t, send(c, Order{Argv: []string{"x"}}, file))
		}, "no sealed memory"},
		{"no program", func(c *net.UnixConn) { must(t, send(c, Order{}, memory(t, script, Seals))) }, "names no program"},
		{"what the kernel does not know", func(c *net.UnixConn) { must(t, send(c, Order{Argv: []string{"/b/x"}}, memory(t, "\x00\x01", Seals))) }, "execute /b/x as uid"},
		{"an empty file", func(c *net.UnixConn) { must(t, send(c, Order{Argv: []string{"/b/x"}}, memory(t, "", Seals))) }, "execute /b/x as uid"},
		{"nobody", func(*net.UnixConn) {}, "no bundle came with it"},
		{"bytes alone", func(c *net.UnixConn) { _, _ = c.Write([]byte{0, 0, 0, 2, '{', '}'}) }, "no bundle came with it"},
		{"half a length", func(c *net.UnixConn) { raw(t, c, []byte{0, 0}, memory(t, script, Seals)) }, "length: EOF"},
		{"half an order", func(c *net.UnixConn) { raw(t, c, []byte{0, 0, 0, 9, '{'}, memory(t, script, Seals)) }, "unexpected EOF"},
		{"no JSON", func(c *net.UnixConn) { raw(t, c, []byte{0, 0, 0, 1, '{'}, memory(t, script, Seals)) }, "JSON"},
		{"4 GiB", func(c *net.UnixConn) { raw(t, c, []byte{255, 255, 255, 255}, memory(t, script, Seals)) }, "4294967295 bytes announced"},
	} {
		t.Run(c.name, func(t *testing.T) {
			output, err := execute(t, c.send)
			if err == nil || !strings.Contains(output, c.want) {
				t.Errorf("%v: %s, want %q", err, output, c.want)
			}
		})
	}
	t.Run("a pipe", func(t *testing.T) { // as sudo makes one with log_input
		cmd := exec.Command("/proc/self/exe", "execute")
		cmd.Stdin = strings.NewReader("x")
		output, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(output), "log_input") {
			t.Errorf("%v: %s", err, output)
		}
	})
}

func raw(t *testing.T, c *net.UnixConn, b []byte, memory *os.File) {
	t.Helper()
	_, _, err := c.WriteMsgUnix(b, unix.UnixRights(int(memory.Fd())), nil)
	must(t, err)
}

func TestOrderIsBounded(t *testing.T) {
	if _, err := (Order{Argv: []string{strings.Repeat("x", maxOrder)}}).Encode(); err == nil {
		t.Error("an order of any length is sent")
	}
	b, err := Order{Argv: []string{"x"}}.Encode()
	if err != nil || int(binary.BigEndian.Uint32(b)) != len(b)-headerSize {
		t.Errorf("%v: % x", err, b)
	}
}

func TestSockets(t *testing.T) {
	ours, theirs := sockets(t)
	var stat unix.Stat_t
	if err := unix.Fstat(int(theirs.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	found, hidden, err := Sockets([]int{os.Getpid(), 1 << 30})
	if err != nil || len(hidden) > 0 || !found[stat.Ino] {
		t.Fatalf("inode %d is not in %v, hidden %v: %v", stat.Ino, found, hidden, err)
	}
	var b bytes.Buffer
	if err := PrintSockets(&b, []string{fmt.Sprint(os.Getpid())}); err != nil {
		t.Fatal(err)
	}
	again, err := ParseSockets(b.Bytes())
	if err != nil || !again[stat.Ino] {
		t.Errorf("inode %d is not in %s: %v", stat.Ino, b.String(), err)
	}
	theirs.Close()
	ours.Close()
	if found, _, _ = Sockets([]int{os.Getpid()}); found[stat.Ino] {
		t.Error("a closed socket is listed")
	}
	for _, arg := range []string{"x", "0", "-1", "1 2"} {
		if err := PrintSockets(&b, []string{arg}); err == nil {
			t.Errorf("%q is taken for a process", arg)
		}
	}
	if _, err := ParseSockets([]byte("1\nsocket\n")); err == nil {
		t.Error("words are taken for an inode")
	}
}

// stranger is a uid that nobody else has.
const stranger = 62999

// TestForeignSocketsAreHidden needs a process of another user.
func TestForeignSocketsAreHidden(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to be another user takes root")
	}
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("ls /proc/%d/fd/ 2>&1; exit 0", os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "Permission denied") {
		t.Fatalf("this process is open to others: %v: %s", err, output)
	}
	// What such a process finds is what a supervisor finds that is not root.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		keep := ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, stranger, keep); errno != 0 {
			t.Error(errno)
			return
		}
		_, hidden, err := Sockets([]int{1})
		if err != nil || len(hidden) != 1 {
			t.Errorf("hidden %v: %v", hidden, err)
		}
	}()
	<-done
}
