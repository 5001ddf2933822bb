package worker

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// Over waits for the end of these processes, and describes those that live after the
// limit, whatever the slowness of the implementation. That some do is no violation.
func (s *Stage) Over(within time.Duration, processes ...proc.Process) (left []string) {
	until(s, within, func() bool { return !slices.ContainsFunc(processes, proc.Process.Alive) })
	for _, p := range processes {
		if p.Alive() {
			left = append(left, p.String())
		}
	}
	return left
}

// Above are the processes between the stage and one of a task: supervisor, and sudo.
func (r *Run) Above(task proc.Process) (above []proc.Process) {
	for pid := task.PPID; pid > 1 && pid != os.Getpid(); {
		p, err := proc.Read(pid)
		r.end.Backstage().Must(err)
		above = append(above, p)
		pid = p.PPID
	}
	return above
}

// Freeze stops every process between the stage and one of a task, supervisor and sudo
// among them, so that nobody reads what the task writes until thaw is called. It waits
// until they have stopped.
func (r *Run) Freeze(task proc.Process) (thaw func()) {
	s, above := r.end.Backstage(), r.Above(task)
	signal := func(number syscall.Signal, what string) {
		s.Step(what + " " + proc.Lines(above))
		for _, p := range above {
			s.Must(p.Signal(number))
		}
	}
	signal(syscall.SIGSTOP, "stop")
	stopped := func(p proc.Process) bool {
		now, err := proc.Read(p.PID)
		return err != nil || now.State == "T"
	}
	until(&Stage{Stage: s.Stage}, stage.DefaultPatience, func() bool {
		return !slices.ContainsFunc(above, func(p proc.Process) bool { return !stopped(p) })
	})
	return func() { signal(syscall.SIGCONT, "let go on") }
}

// until asks again and again, since the kernel has no event for it, whether something
// holds, until it does or the limit or the case is over.
func until(s *Stage, limit time.Duration, holds func() bool) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(proc.Every)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline.C:
			return
		case <-s.Context().Done():
			return
		}
	}
}
