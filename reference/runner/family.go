package runner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// family is this process and all that descends from it. As subreaper it becomes
// the parent of every descendant whose own parent ends, so no double fork, new
// session or new group leads out of it.
type family struct {
	changed chan os.Signal // a child changed its state
	stop    chan struct{}
	stopped chan struct{}
}

// adoptOrphans makes this process the subreaper of its descendants and reaps all
// its children from now on. Nobody else may wait for a child.
func adoptOrphans() (*family, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the subreaper of the task: %w", err)
	}
	f := &family{changed: make(chan os.Signal, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	signal.Notify(f.changed, unix.SIGCHLD)
	go func() {
		defer close(f.stopped)
		for {
			select {
			case <-f.changed:
				reap()
			case <-f.stop:
				return
			}
		}
	}()
	return f, nil
}

// reap collects every child that has ended. It reports whether any child is left.
func reap() (left bool) {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD
			return false
		case pid == 0:
			return true
		}
	}
}

// end kills all descendants, again and again until none is left, so that none
// can start others meanwhile. After bound it returns the pids of those that could
// not be ended. It is to be called once.
func (f *family) end(bound time.Duration) []int {
	close(f.stop)
	<-f.stopped
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	for reap() {
		alive := descendants(os.Getpid())
		for _, pid := range alive {
			unix.Kill(pid, unix.SIGKILL)
		}
		// A death that needs no reaping by us, of a grandchild, brings no signal;
		// its parent's death, just as near, does.
		again := time.NewTimer(20 * time.Millisecond)
		select {
		case <-f.changed:
		case <-again.C:
		case <-deadline.C:
			reap()
			return descendants(os.Getpid())
		}
		again.Stop()
	}
	return nil
}

// descendants lists the living processes below a process, from the parents that
// /proc names. Zombies are not alive.
func descendants(root int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	alive := map[int]bool{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		parent, state, ok := parentOf(pid)
		if !ok {
			continue
		}
		children[parent] = append(children[parent], pid)
		alive[pid] = state != 'Z' && state != 'X'
	}
	var found []int
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, pid := range children[queue[0]] {
			queue = append(queue, pid)
			if alive[pid] {
				found = append(found, pid)
			}
		}
	}
	return found
}

// parentOf reads state and parent from "pid (name) state ppid ..."; the name may
// hold anything, parentheses and blanks included.
func parentOf(pid int) (parent int, state byte, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0], err == nil
}
