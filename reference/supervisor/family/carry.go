package family

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

const (
	// helperBound is how long one command that carries a signal may take.
	helperBound = 5 * time.Second

	// reapHunted is how often what a hunt hit is reaped.
	reapHunted = 5 * time.Millisecond
)

// carry sends a signal to processes of other users, one command for each user.
func (k *Killer) carry(ctx context.Context, signal string, processes []descent.Process) error {
	byUser := map[int][]string{}
	for uid := range k.users {
		byUser[uid] = nil
	}
	for _, p := range processes {
		byUser[p.UID] = append(byUser[p.UID], strconv.Itoa(p.PID))
	}
	var failures []error
	for uid, pids := range byUser {
		account, err := impersonate.LookupUID(ctx, uid)
		if err == nil {
			err = k.carryTo(ctx, account, signal, pids)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("send SIG%s to processes of uid %d: %w", signal, uid, err))
		}
	}
	return errors.Join(failures...)
}

func (k *Killer) carryTo(ctx context.Context, account impersonate.Account, signal string, pids []string) error {
	args := append([]string{"kill", signal}, pids...)
	if root := k.family.root(); k.hunting && root != 0 {
		args = []string{"hunt", strconv.Itoa(root)}
	} else if len(pids) == 0 {
		return nil
	}
	var failures []error
	for _, runner := range k.runners {
		err := k.help(ctx, account, append([]string{runner}, args...))
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	// The runner may be another implementation's. A wide policy permits this, too.
	program, err := exec.LookPath("kill")
	if err == nil && len(pids) > 0 {
		err = k.help(ctx, account, append([]string{program, "-s", signal}, pids...))
	}
	if err == nil {
		return nil
	}
	return errors.Join(append(failures, err)...)
}

// Sockets asks the user of a task what sockets its processes have: their inodes.
func (k *Killer) Sockets(ctx context.Context, account impersonate.Account, pids []int) (map[uint64]bool, error) {
	if len(k.runners) == 0 {
		return nil, errors.New("understudy-runner, which can look at them, is not beside this program")
	}
	argv := []string{k.runners[0], "sockets"}
	for _, pid := range pids {
		argv = append(argv, strconv.Itoa(pid))
	}
	output, err := k.ask(ctx, account, argv)
	if err != nil {
		return nil, err
	}
	return delegate.ParseSockets(output)
}

// help runs a command as another user and waits for it.
func (k *Killer) help(ctx context.Context, account impersonate.Account, argv []string) error {
	_, err := k.ask(ctx, account, argv)
	return err
}

// ask runs a command as another user and returns its output.
func (k *Killer) ask(ctx context.Context, account impersonate.Account, argv []string) ([]byte, error) {
	argv, credential, err := impersonate.Command(account, argv)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, helperBound)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = impersonate.Environment(account, nil)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	cmd.WaitDelay = time.Second
	var output, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &complaint
	if err = cmd.Start(); err == nil {
		err = k.waitFor(cmd)
	}
	if err != nil {
		said := strings.TrimSpace(complaint.String() + output.String())
		return nil, fmt.Errorf("%s: %w: %.300s", strings.Join(argv[:len(argv)-1], " "), err, said)
	}
	return output.Bytes(), nil
}

// waitFor waits for a helper. A hunt goes faster if those that were hit do not lie
// about as zombies.
func (k *Killer) waitFor(helper *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- helper.Wait() }()
	reap := time.NewTicker(reapHunted)
	defer reap.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-reap.C:
			if k.hunting {
				_ = k.family.reap(helper.Process.Pid)
			}
		}
	}
}
