package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/sandbox"
	"github.com/understudy-conformance/understudy/harness/wall"
)

// groupPrefix begins the names of all control groups of runs. The outer command holds a lock on each of its own while it
// lives: its number would tell nothing to a run in another pid namespace on the same machine.
const groupPrefix = "understudy-run-"

// bounds are the control groups of one run, below which each sandbox has one of its own: processes and memory are counted
// there, whatever user they belong to. Version 1 has a hierarchy a controller, version 2 one for all.
type bounds struct {
	dirs    []string   // one a hierarchy
	held    []*os.File // the same, locked
	number  int
	sweeper *exec.Cmd // removes dirs when this process has ended, however it ended
	life    *os.File  // its standard input: ends with this process
}

// newBounds makes the groups of a run below, or under version 2 beside, the group that this process is in, and starts their
// sweeper. What dead runs left there, sweeper included, goes. The error says why there can be none.
func newBounds(worker string) (_ *bounds, err error) {
	places, err := groupPlaces("/proc/self/cgroup", "/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	b := &bounds{}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	for _, place := range places {
		held, err := place.make()
		if err != nil {
			return nil, err
		}
		b.dirs, b.held = append(b.dirs, held.Name()), append(b.held, held)
	}
	return b, b.startSweeper(worker)
}

// place is where groups of some controllers can be made.
type place struct {
	parents     []string // the preferred one first
	controllers []string
	unified     bool // version 2
}

// controllers are those that a sandbox is bounded by.
var controllers = []string{"memory", "pids"}

// groupPlaces finds, for the process that the two files describe, where groups with all controllers can be made.
func groupPlaces(cgroup, mountinfo string) ([]place, error) {
	own, err := os.ReadFile(cgroup)
	if err != nil {
		return nil, fmt.Errorf("find the control group: %w", err)
	}
	mounts, err := os.ReadFile(mountinfo)
	if err != nil {
		return nil, fmt.Errorf("find the control group: %w", err)
	}
	var places []place
	for _, controller := range controllers {
		p, found := versionOne(string(own), string(mounts), controller)
		if !found {
			p, found = versionTwo(string(own), string(mounts), controller)
		}
		if !found {
			return nil, fmt.Errorf("no control group hierarchy with the controller %q is mounted", controller)
		}
		same := slices.IndexFunc(places, func(other place) bool { return slices.Equal(other.parents, p.parents) })
		if same >= 0 {
			places[same].controllers = append(places[same].controllers, controller)
			continue
		}
		places = append(places, p)
	}
	return places, nil
}

// versionOne finds the hierarchy that has the controller to itself, or shared with others.
func versionOne(own, mounts, controller string) (place, bool) {
	for line := range strings.Lines(own) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 || !slices.Contains(strings.Split(fields[1], ","), controller) {
			continue
		}
		dir, found := mountOf(mounts, "cgroup", controller, fields[2])
		return place{parents: []string{dir}, controllers: []string{controller}}, found
	}
	return place{}, false
}

// versionTwo finds the unified hierarchy, if it has the controller. A group with processes of its own, as this process's is,
// cannot have bounded groups below it, unless it is the root; then a group beside it has to do.
func versionTwo(own, mounts, controller string) (place, bool) {
	for line := range strings.Lines(own) {
		path, is := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !is {
			continue
		}
		dir, found := mountOf(mounts, "cgroup2", "", path)
		if !found {
			return place{}, false
		}
		available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil || !slices.Contains(strings.Fields(string(available)), controller) {
			return place{}, false
		}
		p := place{parents: []string{dir}, controllers: []string{controller}, unified: true}
		if beside, shown := mountOf(mounts, "cgroup2", "", filepath.Dir(path)); shown && path != "/" {
			p.parents = append(p.parents, beside)
		}
		return p, true
	}
	return place{}, false
}

// mountOf returns where the group at path is seen, in a mount of that type with that option.
func mountOf(mounts, kind, option, path string) (string, bool) {
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(rest) < 3 || rest[0] != kind {
			continue
		}
		if option != "" && !slices.Contains(strings.Split(rest[2], ","), option) {
			continue
		}
		below, err := filepath.Rel(fields[3], path) // the mount may show a part of the hierarchy
		if err != nil || below == ".." || strings.HasPrefix(below, "../") {
			continue
		}
		return filepath.Join(fields[4], below), true
	}
	return "", false
}

// make makes the group in the first parent that takes it, and locks it.
func (p place) make() (*os.File, error) {
	var tried []error
	for i, parent := range p.parents {
		sweepGroups(parent)
		err := p.enable(parent, i == 0)
		if err == nil {
			var held *os.File
			if held, err = makeLocked(parent); err == nil {
				if err = p.enable(held.Name(), true); err == nil {
					return held, nil
				}
				_ = os.Remove(held.Name())
				held.Close()
			}
		}
		tried = append(tried, fmt.Errorf("make a control group in %s: %w", parent, err))
	}
	return nil, errors.Join(tried...)
}

// makeLocked makes a group with a name of its own and locks it. Another run may sweep it away before it is locked.
func makeLocked(parent string) (*os.File, error) {
	for {
		dir, err := os.MkdirTemp(parent, groupPrefix)
		if err != nil {
			return nil, err
		}
		held, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = unix.Flock(int(held.Fd()), unix.LOCK_SH)
			if _, gone := os.Lstat(dir); err == nil && gone == nil {
				return held, nil
			}
			held.Close()
		}
		if err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
	}
}

// enable hands the controllers on to the groups below dir, which version 1 does by itself. A group that is not ours has to do so
// already.
func (p place) enable(dir string, ours bool) error {
	if !p.unified {
		return nil
	}
	path := filepath.Join(dir, "cgroup.subtree_control")
	on, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, controller := range p.controllers {
		if slices.Contains(strings.Fields(string(on)), controller) {
			continue
		}
		if !ours {
			return fmt.Errorf("it does not hand on the controller %q", controller)
		}
		if err := os.WriteFile(path, []byte("+"+controller), 0); err != nil {
			return err
		}
	}
	return nil
}

// limits are the files of both versions. Those of swap are there only where swap is counted.
var limits = []struct {
	file, value string
	optional    bool
}{
	{"pids.max", strconv.Itoa(sandbox.MaxProcesses), false},
	{"memory.max", strconv.Itoa(sandbox.MaxMemory), false},
	{"memory.swap.max", "0", true},
	{"memory.limit_in_bytes", strconv.Itoa(sandbox.MaxMemory), false},
	{"memory.memsw.limit_in_bytes", strconv.Itoa(sandbox.MaxMemory), true},
}

// group is one sandbox's part of bounds.
type group []string

// add makes the group of one more sandbox.
func (b *bounds) add() (group, error) {
	b.number++
	var g group
	for _, run := range b.dirs {
		dir := filepath.Join(run, strconv.Itoa(b.number))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make a control group: %w", err), g.remove())
		}
		g = append(g, dir)
	}
	set := map[string]bool{}
	for _, limit := range limits {
		for _, dir := range g {
			path := filepath.Join(dir, limit.file)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if err := os.WriteFile(path, []byte(limit.value), 0); err != nil && !limit.optional {
				return nil, errors.Join(fmt.Errorf("bound a control group: %w", err), g.remove())
			}
			kind, _, _ := strings.Cut(limit.file, ".")
			set[kind] = true
		}
	}
	if !set["pids"] || !set["memory"] {
		return nil, errors.Join(fmt.Errorf("the control group %s has no bounds to be set", strings.Join(g, ", ")), g.remove())
	}
	return g, nil
}

// enter puts a process into the group. What it starts afterwards is in it, too.
func (g group) enter(pid int) error {
	for _, dir := range g {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("put the sandbox into its control group: %w", err)
		}
	}
	return nil
}

// killed returns how many processes the kernel has killed because the group reached its bound of memory.
func (g group) killed() int {
	for _, dir := range g {
		for _, name := range []string{"memory.events", "memory.oom_control"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if value, is := strings.CutPrefix(line, "oom_kill "); is {
					n, _ := strconv.Atoi(strings.TrimSpace(value)) // written by the kernel
					return n
				}
			}
		}
	}
	return 0
}

// remove removes the group, which has no process any more.
func (g group) remove() error {
	var problems []error
	for _, dir := range g {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("remove a control group: %w", err))
		}
	}
	return errors.Join(problems...)
}

// startSweeper starts the process that removes the groups at the end of this one.
func (b *bounds) startSweeper(worker string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer read.Close()
	b.sweeper = exec.Command(worker, append([]string{"sweep"}, b.dirs...)...)
	b.sweeper.Env, b.sweeper.Dir, b.sweeper.Stdin = wall.Environment, "/", read
	b.sweeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // not for the Ctrl-C of a terminal
	if err := b.sweeper.Start(); err != nil {
		b.sweeper = nil
		return errors.Join(fmt.Errorf("start the sweeper of control groups: %w", err), write.Close())
	}
	b.life = write
	return nil
}

// close removes all groups, in which nothing runs any more.
func (b *bounds) close() {
	defer func() {
		for _, held := range b.held {
			held.Close()
		}
	}()
	if b.sweeper == nil {
		for _, dir := range b.dirs {
			_ = os.Remove(dir) // nothing was started in it
		}
		return
	}
	b.life.Close()
	_ = b.sweeper.Wait() // what it cannot remove the next run does
}

// sweepTime is how long processes that were killed may take to leave their group.
const sweepTime = time.Minute

// Sweep is "understudy-worker sweep": it waits for the end of life, then removes the groups. Their processes end with the outer
// command, by themselves.
func Sweep(life io.Reader, dirs []string) error {
	_, _ = io.Copy(io.Discard, life) // an error is the end, too
	ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		dirs = slices.DeleteFunc(dirs, func(dir string) bool { return removeTree(dir) == nil })
		if len(dirs) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("processes are still in %s after %s", strings.Join(dirs, ", "), sweepTime)
		}
	}
}

// removeTree removes a group of a run with those of its sandboxes.
func removeTree(dir string) error {
	below, err := filepath.Glob(filepath.Join(dir, "[0-9]*"))
	if err != nil {
		return err
	}
	return errors.Join(group(below).remove(), group{dir}.remove())
}

// sweepGroups removes from parent the groups of outer commands that do not live any more.
func sweepGroups(parent string) {
	old, err := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		group, err := os.Open(dir)
		if err != nil {
			continue
		}
		if unix.Flock(int(group.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = removeTree(dir) // processes in it: not ours to judge
		}
		group.Close()
	}
}
