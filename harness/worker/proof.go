package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/account"
)

// proofLimit bounds each proof.
const proofLimit = 20 * time.Second

// looksInside proves that the stage will see what a task is: it starts a process of alice, reads its
// descriptors and environment in /proc, and ends it.
func looksInside(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cat")
	cmd.Dir = "/"
	if err := account.RunAs(cmd, "alice"); err != nil {
		return err
	}
	const mark = "UNDERSTUDY_PREFLIGHT=seen"
	cmd.Env = append(cmd.Env, mark)
	input, err := cmd.StdinPipe() // cat waits for what comes from it
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer input.Close()
	output, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a process of alice: %w", err)
	}
	defer func() {
		_ = input.Close() // ends cat where no signal does
		_ = cmd.Wait()    // it was killed
	}()
	// When cat answers its exec is over: until then the kernel shows no environment.
	if _, err := input.Write([]byte{'\n'}); err != nil {
		return fmt.Errorf("write to a process of alice: %w", err)
	}
	if _, err := output.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("read from a process of alice: %w", err)
	}
	proc := fmt.Sprintf("/proc/%d", cmd.Process.Pid)
	if to, err := os.Readlink(proc + "/fd/0"); err != nil {
		return fmt.Errorf("root cannot see the descriptors of a process of alice: %w", err)
	} else if !strings.HasPrefix(to, "pipe:") {
		return fmt.Errorf("descriptor 0 of a process of alice is %q, and a pipe was given to it", to)
	}
	environ, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return fmt.Errorf("root cannot see the environment of a process of alice: %w", err)
	}
	if !bytes.Contains(environ, []byte(mark)) {
		return errors.New("the environment of a process of alice is not the one that it was given")
	}
	if err := unix.Kill(cmd.Process.Pid, unix.SIGKILL); err != nil {
		return fmt.Errorf("root cannot end a process of alice: %w", err)
	}
	return nil
}

// fifosWork proves that a task will be able to wait at a barrier: alice reads from a FIFO that root made
// below root, where the cases have their folders.
func fifosWork(ctx context.Context, root string) error {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("make folder of cases: %w", err)
	}
	path := filepath.Join(root, "preflight")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return fmt.Errorf("make a FIFO in %s: %w", root, err)
	}
	defer os.Remove(path)
	if err := os.Chmod(path, 0o644); err != nil {
		return fmt.Errorf("open a FIFO to all: %w", err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open a FIFO in %s: %w", root, err)
	}
	defer fifo.Close()
	if _, err := fifo.WriteString("through\n"); err != nil {
		return fmt.Errorf("write to a FIFO in %s: %w", root, err)
	}
	cmd := exec.CommandContext(ctx, "head", "-n", "1", path)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stdout, stderr head
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := account.RunAs(cmd, "alice"); err != nil {
		return err
	}
	err = cmd.Run()
	if got := stdout.text.String(); err != nil || got != "through\n" {
		return fmt.Errorf("alice cannot read from a FIFO of root in %s: %w, and she got %q: %s", root, err, got, lastLine(stderr.text.String()))
	}
	return nil
}

// loopbackOnly proves that the network is as promised: the loopback device, which works, and nothing else.
func loopbackOnly() error {
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("list network devices: %w", err)
	}
	if err := onlyLoopback(all); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on the loopback device: %w", err)
	}
	defer listener.Close()
	conn, err := net.DialTimeout("tcp", listener.Addr().String(), proofLimit)
	if err != nil {
		return fmt.Errorf("connect over the loopback device: %w", err)
	}
	return conn.Close()
}

// onlyLoopback looks at the devices. One that is down, such as those that the kernel puts into every
// network namespace for tunnels, leads nowhere.
func onlyLoopback(all []net.Interface) error {
	up := false
	for _, device := range all {
		switch {
		case device.Flags&net.FlagUp == 0:
		case device.Flags&net.FlagLoopback != 0:
			up = true
		default:
			return fmt.Errorf("the sandbox has the network device %s, and should have no network", device.Name)
		}
	}
	if !up {
		return errors.New("the loopback device is down or absent")
	}
	return nil
}
