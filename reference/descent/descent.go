// Package descent finds the processes that descend from one, as /proc shows
// them. Below a subreaper that is everything it ever started: what a double fork,
// a new session or a new group leads away from its parent comes back to it.
package descent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Process is one process at one moment.
type Process struct {
	PID     int
	UID     int // real
	Group   int // id of its process group
	Session int
	Name    string
	Zombie  bool // it has ended; nobody waited for it yet
}

// Of lists what descends from the process root, itself left out, parents before
// children. The descendants of 0 are all processes there are. A process that is
// born or ends meanwhile may be in the list or not.
func Of(root int) ([]Process, error) {
	return Below(root, func(Process) bool { return true })
}

// Below is Of for those children of root that want accepts, and all that descends
// from them. The UID is not known yet when want is asked.
func Below(root int, want func(child Process) bool) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]Process{}
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
		p.PID = pid
		children[parent] = append(children[parent], p)
	}
	children[root] = slices.DeleteFunc(children[root], func(p Process) bool { return !want(p) })
	var found []Process
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, p := range children[next[0]] {
			if p.UID, err = realUID(p.PID); err != nil {
				p.Zombie = true // gone meanwhile
			}
			found = append(found, p)
			next = append(next, p.PID)
		}
		delete(children, next[0]) // each parent once, also if pids were reused while we looked
	}
	return found, nil
}

// parseStat reads name, state, parent, group and session from /proc/PID/stat. The name stands in
// parentheses and can hold anything, parentheses and blanks included.
func parseStat(stat []byte) (p Process, parent int, ok bool) {
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return p, 0, false
	}
	fields := strings.Fields(string(stat[shut+1:]))
	if len(fields) < 4 {
		return p, 0, false
	}
	var wrong [3]error
	parent, wrong[0] = strconv.Atoi(fields[1])
	p.Group, wrong[1] = strconv.Atoi(fields[2])
	p.Session, wrong[2] = strconv.Atoi(fields[3])
	p.Name = string(stat[open+1 : shut])
	p.Zombie = fields[0] == "Z" || fields[0] == "X"
	return p, parent, errors.Join(wrong[:]...) == nil
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
