package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is one process of a task.
type process struct {
	pid    int
	uid    int // real
	name   string
	zombie bool
}

// family is everything that descends from this process, which is a subreaper: a
// descendant whose parent ended is its child. That is the task and nothing else,
// save for the helpers that carry signals to other users.
// One goroutine uses it: a helper that another one waits for could be reaped.
type family struct {
	main int // the task process, which has a Wait of its own
}

// alive lists the living processes, parents before children.
func (f *family) alive() ([]process, error) {
	all, err := f.scan()
	var living []process
	for _, p := range all {
		if !p.zombie {
			living = append(living, p)
		}
	}
	return living, err
}

// reap takes note of ended processes whose parents ended before them.
func (f *family) reap() error {
	all, err := f.scan()
	for _, p := range all {
		if p.zombie && p.pid != f.main {
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil) // fails for those that are not children
		}
	}
	return err
}

// gone reports whether nothing at all descends from this process any more,
// zombies included. Unlike a look at /proc it cannot miss a process that was
// started meanwhile.
func (f *family) gone() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD)
}

// scan reads /proc and keeps the descendants of this process.
func (f *family) scan() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]process{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // gone meanwhile
		}
		p, parent, ok := parseStat(stat)
		if !ok {
			continue
		}
		p.pid = pid
		children[parent] = append(children[parent], p)
	}
	var found []process
	for next := []int{os.Getpid()}; len(next) > 0; next = next[1:] {
		for _, p := range children[next[0]] {
			if p.uid, err = realUID(p.pid); err != nil {
				p.zombie = true // gone meanwhile
			}
			found = append(found, p)
			next = append(next, p.pid)
		}
		delete(children, next[0]) // each parent once, also if pids were reused while we looked
	}
	return found, nil
}

// parseStat reads name, state and parent from /proc/PID/stat. The name stands in
// parentheses and can hold anything, parentheses and blanks included.
func parseStat(stat []byte) (p process, parent int, ok bool) {
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return p, 0, false
	}
	fields := strings.Fields(string(stat[shut+1:]))
	if len(fields) < 2 {
		return p, 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	p.name = string(stat[open+1 : shut])
	p.zombie = fields[0] == "Z" || fields[0] == "X"
	return p, parent, err == nil
}

// realUID reads the real uid, by which the kernel decides who may send signals.
// The owner of /proc/PID does not tell: it is root for undumpable processes.
func realUID(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(status), "\nUid:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no Uid", pid)
	}
	return strconv.Atoi(fields[0])
}
