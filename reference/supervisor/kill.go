package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

const (
	// killBound is how long SIGKILL is sent again and again before it is given up.
	killBound = 10 * time.Second

	// helperBound is how long one command that carries a signal may take.
	helperBound = 5 * time.Second

	// lookAgain is the time between two looks at the processes of a task.
	lookAgain = 10 * time.Millisecond

	// patientRounds is how often SIGKILL is sent before a hunt, if there is nothing
	// new: sudo needs a moment to end after its command.
	patientRounds = 3

	// huntTime is how long one hunt of this process takes, see descent.Hunt. Between
	// two, what was hit is reaped.
	huntTime = 50 * time.Millisecond

	// reapHunted is how often what a hunt hit is reaped.
	reapHunted = 5 * time.Millisecond

	// vanish is what processes get that a task process left behind and that are
	// about to end by themselves, as sudo's monitor is.
	vanish = 20 * time.Millisecond
)

// killer ends the processes of a task, whoever they belong to.
//
// A signal to a process of another user is carried by a command that runs as that
// user: the runner itself, since a narrow sudo policy permits no other.
type killer struct {
	family  family
	step    time.Duration // from SIGTERM to SIGKILL
	runners []string      // understudy-runner, as the policy names it; the first that works is used
	log     *TaskLog

	// hunting is set once there are processes that were not there when SIGKILL was
	// sent, or some that outlived it patientRounds times: they fork faster than that.
	// users are the owners of foreign processes that were seen.
	hunting bool
	users   map[int]bool
}

// stop ends the task: SIGTERM to its process group, so that the runner can clean
// up, and after the step SIGKILL to every process of it. meanwhile is called
// between the two. The error names processes that are still alive.
func (k *killer) stop(ctx context.Context, c *child, meanwhile func()) error {
	k.terminate(ctx, c.main())
	step := time.NewTimer(k.step)
	defer step.Stop()
	select {
	case <-step.C:
	case <-c.ended(): // what it left behind is not asked
	}
	meanwhile()
	return k.kill(ctx)
}

// terminate sends SIGTERM to the group. The group's id is the pid of the task
// process and so never our own.
func (k *killer) terminate(ctx context.Context, group int) {
	err := syscall.Kill(-group, syscall.SIGTERM)
	if err == nil || errors.Is(err, syscall.ESRCH) {
		return
	}
	// sudo replaced itself by the command, which belongs to the target.
	alive, scanErr := alive(k.family)
	if scanErr == nil {
		scanErr = k.carry(ctx, "TERM", k.inGroup(alive, group))
	}
	if scanErr != nil {
		k.log.Record("warning", "SIGTERM could not be sent to the task", "error", errors.Join(err, scanErr))
	}
}

func (k *killer) inGroup(all []descent.Process, group int) []descent.Process {
	return slices.DeleteFunc(slices.Clone(all), func(p descent.Process) bool {
		id, err := syscall.Getpgid(p.PID)
		return err != nil || id != group
	})
}

// kill sends SIGKILL to all members of the family until there are none.
func (k *killer) kill(ctx context.Context) error {
	if k.over() && k.family.settle(vanish) {
		return nil
	}
	deadline := time.Now().Add(killBound)
	var failure error
	shot := map[int]bool{}
	for rounds := 0; !k.family.gone(); rounds++ {
		alive, err := alive(k.family)
		if err != nil {
			return err
		}
		for _, p := range alive {
			k.hunting = k.hunting || rounds > 0 && !shot[p.PID]
			shot[p.PID] = true
		}
		k.hunting = k.hunting || rounds >= patientRounds
		// That none is seen says nothing: each may have lived for less than the look.
		if len(alive) == 0 {
			if err := k.family.reap(0); err != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes of the task are still alive: %s: %w", describe(alive), errors.Join(failure, context.DeadlineExceeded))
		}
		failure = k.round(ctx, alive)
		if k.over() {
			k.family.settle(lookAgain)
		} else if err := wait(ctx, lookAgain); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether the task process has ended.
func (k *killer) over() bool {
	select {
	case <-k.family.ended():
		return true
	default:
		return false
	}
}

// round sends SIGKILL to each process once, and to whole process groups. Those of
// other users go first: sudo ends with its command, but not the other way round.
func (k *killer) round(ctx context.Context, alive []descent.Process) error {
	var foreign []descent.Process
	var own []descent.Process
	for _, p := range alive {
		if err := syscall.Kill(p.PID, 0); errors.Is(err, syscall.EPERM) {
			foreign = append(foreign, p)
			k.users[p.UID] = true
		} else {
			own = append(own, p)
		}
	}
	err := k.carry(ctx, "KILL", foreign)
	root := k.family.root()
	if root == 0 { // what lost its keeper is this process's
		return errors.Join(err, descent.Kill(os.Getpid(), own))
	}
	err = errors.Join(err, descent.Kill(root, own))
	if k.hunting {
		err = errors.Join(err, descent.Hunt(root, huntTime))
	}
	return err
}

// carry sends a signal to processes of other users, one command for each user.
func (k *killer) carry(ctx context.Context, signal string, processes []descent.Process) error {
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

func (k *killer) carryTo(ctx context.Context, account impersonate.Account, signal string, pids []string) error {
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

// sockets asks the user of a task what sockets its processes have.
func (k *killer) sockets(ctx context.Context, account impersonate.Account, pids []int) (map[uint64]bool, error) {
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
func (k *killer) help(ctx context.Context, account impersonate.Account, argv []string) error {
	_, err := k.ask(ctx, account, argv)
	return err
}

// ask runs a command as another user and returns its output.
func (k *killer) ask(ctx context.Context, account impersonate.Account, argv []string) ([]byte, error) {
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
func (k *killer) waitFor(helper *exec.Cmd) error {
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

// killers are the programs that can carry a signal: understudy-runner beside this
// program, and the runner if it is one under that name.
func killers(runner string) []string {
	var list []string
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "understudy-runner")
		if unix.Access(beside, unix.X_OK) == nil {
			list = append(list, beside)
		}
	}
	if filepath.Base(runner) == "understudy-runner" && !slices.Contains(list, runner) {
		list = slices.Insert(list, 0, runner)
	}
	return list
}

func describe(processes []descent.Process) string {
	var parts []string
	for _, p := range processes {
		parts = append(parts, fmt.Sprintf("%d (%s, uid %d)", p.PID, p.Name, p.UID))
	}
	return strings.Join(parts, ", ")
}
