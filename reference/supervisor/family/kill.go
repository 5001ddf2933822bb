package family

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/reference/descent"
	"github.com/understudy-conformance/understudy/reference/supervisor/tasklog"
)

const (
	// killBound is how long SIGKILL is sent again and again before it is given up.
	killBound = 10 * time.Second

	// lookAgain is the time between two looks at the processes of a task.
	lookAgain = 10 * time.Millisecond

	// patientRounds is how often SIGKILL is sent before a hunt, if there is nothing
	// new: sudo needs a moment to end after its command.
	patientRounds = 3

	// huntTime is how long one hunt of this process takes, see descent.Hunt. Between
	// two, what was hit is reaped.
	huntTime = 50 * time.Millisecond

	// vanish is what processes get that a task process left behind and that are
	// about to end by themselves, as sudo's monitor is.
	vanish = 20 * time.Millisecond
)

// Killer ends the processes of a task, whoever they belong to.
//
// A signal to a process of another user is carried by a command that runs as that
// user: the runner itself, since a narrow sudo policy permits no other.
type Killer struct {
	family  family
	step    time.Duration // from SIGTERM to SIGKILL
	runners []string      // understudy-runner, as the policy names it; the first that works is used
	log     *tasklog.Log

	// hunting is set once there are processes that were not there when SIGKILL was
	// sent, or some that outlived it patientRounds times: they fork faster than that.
	// users are the owners of foreign processes that were seen.
	hunting bool
	users   map[int]bool
}

// NewKiller returns what ends a child: step after SIGTERM comes SIGKILL. runners are
// the paths of understudy-runner that the sudo policy may name, the first one first.
// What goes wrong on the way is noted in log.
func NewKiller(c *Child, step time.Duration, runners []string, log *tasklog.Log) *Killer {
	return &Killer{family: c.family, step: step, runners: runners, log: log, users: map[int]bool{}}
}

// Stop ends the task: SIGTERM to its process group, so that the runner can clean
// up, and after the step SIGKILL to every process of it. meanwhile is called
// between the two. The error names processes that are still alive.
func (k *Killer) Stop(ctx context.Context, meanwhile func()) error {
	k.terminate(ctx, k.family.main())
	step := time.NewTimer(k.step)
	defer step.Stop()
	select {
	case <-step.C:
	case <-k.family.ended(): // what it left behind is not asked
	}
	meanwhile()
	return k.Kill(ctx)
}

// terminate sends SIGTERM to the group. The group's id is the pid of the task
// process and so never our own.
func (k *Killer) terminate(ctx context.Context, group int) {
	err := syscall.Kill(-group, syscall.SIGTERM)
	if err == nil || errors.Is(err, syscall.ESRCH) {
		return
	}
	// sudo replaced itself by the command, which belongs to the target.
	alive, scanErr := living(k.family)
	if scanErr == nil {
		scanErr = k.carry(ctx, "TERM", k.inGroup(alive, group))
	}
	if scanErr != nil {
		k.log.Record("warning", "SIGTERM could not be sent to the task", "error", errors.Join(err, scanErr))
	}
}

func (k *Killer) inGroup(all []descent.Process, group int) []descent.Process {
	return slices.DeleteFunc(slices.Clone(all), func(p descent.Process) bool {
		id, err := syscall.Getpgid(p.PID)
		return err != nil || id != group
	})
}

// Kill sends SIGKILL to all processes of the task until there are none. The error
// names those that are still alive.
func (k *Killer) Kill(ctx context.Context) error {
	if k.over() && k.family.settle(vanish) {
		return nil
	}
	deadline := time.Now().Add(killBound)
	var failure error
	shot := map[int]bool{}
	for rounds := 0; !k.family.gone(); rounds++ {
		alive, err := living(k.family)
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
			continue
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// over reports whether the task process has ended.
func (k *Killer) over() bool {
	select {
	case <-k.family.ended():
		return true
	default:
		return false
	}
}

// round sends SIGKILL to each process once, and to whole process groups. Those of
// other users go first: sudo ends with its command, but not the other way round.
func (k *Killer) round(ctx context.Context, alive []descent.Process) error {
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

func describe(processes []descent.Process) string {
	var parts []string
	for _, p := range processes {
		parts = append(parts, fmt.Sprintf("%d (%s, uid %d)", p.PID, p.Name, p.UID))
	}
	return strings.Join(parts, ", ")
}
