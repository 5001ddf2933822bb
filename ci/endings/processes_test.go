//go:build endings

package endings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstTask is the first user id of the fixture accounts.
const firstTask = 61001

// process is one line of the process table.
type process struct {
	pid, uid       int
	started, space string   // when, and its pid namespace
	pids           []string // its ids, in each pid namespace that it is in
	command        []string
}

// processes lists those of this machine.
func processes() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []process
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := look(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

func look(pid int) (process, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // from the state on
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	p := process{pid: pid, started: fields[19]}
	p.space, _ = os.Readlink(filepath.Join(dir, "ns/pid"))
	status, _ := os.ReadFile(filepath.Join(dir, "status"))
	for line := range strings.Lines(string(status)) {
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && words[0] == "Uid:":
			p.uid, _ = strconv.Atoi(words[1])
		case len(words) > 1 && words[0] == "NSpid:":
			p.pids = words[1:]
		}
	}
	command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	p.command = strings.Split(string(command), "\x00")
	return p, true
}

// children lists those of a process, whichever thread started them.
func children(parent int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent)) // the pattern is right
	var pids []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may be gone
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// descendants lists those of the run, and remembers them.
func (r *round) descendants() []process {
	var below []process
	for parents := []int{r.cmd.Process.Pid}; len(parents) > 0; {
		var next []int
		for _, parent := range parents {
			for _, pid := range children(parent) {
				if p, ok := look(pid); ok {
					below, next = append(below, p), append(next, pid)
				}
			}
		}
		parents = next
	}
	own, _ := os.Readlink("/proc/self/ns/pid")
	for _, p := range below {
		r.seen[p.pid] = p.started
		if p.space != "" && p.space != own {
			r.spaces[p.space] = true
		}
	}
	return below
}

func (r *round) find(what func(process) bool) int {
	below := r.descendants()
	if i := slices.IndexFunc(below, what); i >= 0 {
		return below[i].pid
	}
	return 0
}

// initOf is process 1 of a pid namespace of the run.
func (r *round) initOf() int {
	return r.find(func(p process) bool { return len(p.pids) > 1 && p.pids[len(p.pids)-1] == "1" })
}

func (r *round) workerOf() int {
	return r.find(func(p process) bool {
		return len(p.command) > 1 && p.command[0] == "understudy-worker" && p.command[1] == "run"
	})
}

func (r *round) taskOf() int {
	return r.find(func(p process) bool { return p.uid >= firstTask && p.uid < firstTask+100 })
}

// groups lists the control groups of the run.
func (r *round) groups() []string {
	var left []string
	own := fmt.Sprintf("understudy-%d-", r.cmd.Process.Pid)
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fs.SkipDir // it went meanwhile
		case err == nil && d.IsDir() && strings.HasPrefix(d.Name(), own):
			left = append(left, "control group "+path)
		}
		return err
	})
	if err != nil {
		r.t.Errorf("look at the control groups: %v", err)
	}
	return left
}

// leavesNothing waits until nothing of the run is on this machine any more. What the
// kernel is still ending is given time; a test that hangs here has found something.
func (r *round) leavesNothing() {
	deadline := time.Now().Add(5 * time.Minute)
	for {
		var left []string
		for _, p := range processes() {
			if r.seen[p.pid] == p.started || r.spaces[p.space] {
				left = append(left, fmt.Sprintf("process %d %q", p.pid, p.command))
			}
		}
		left = append(left, r.groups()...)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			r.t.Errorf("left after the run: %s", strings.Join(left, ", "))
			return
		}
		time.Sleep(10 * time.Millisecond) // between two looks
	}
	if left, err := os.ReadDir(r.tmp); err != nil || len(left) > 0 {
		r.t.Errorf("left in TMPDIR: %v, %v", left, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), filepath.Dir(r.tmp)) {
		r.t.Errorf("left: a mount below %s, %v", r.tmp, err)
	}
}
