// Package proc reads the processes of a machine from /proc, and follows those that
// belong to a case. It knows nothing of what they run.
package proc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/journal"
)

// Process is one process as /proc showed it at one moment. A process is known
// by its id and its start time together: ids are used again, and Airflow
// overwrites command line and environment of its processes.
type Process struct {
	PID, PPID, Group, Session int
	Start                     uint64 // clock ticks after boot
	State                     string // one letter
	Name                      string // comm
	UIDs, GIDs                [4]int // real, effective, saved, file system
	Groups                    []int  // supplementary, sorted
	Command                   string // argv joined by blanks; may be overwritten by the process
	NoNewPrivs                bool
}

// identity tells a process from a later one with the same id.
type identity struct {
	pid   int
	start uint64
}

func (p Process) identity() identity { return identity{p.PID, p.Start} }

// Zombie reports a process that has ended and waits for its parent to notice.
func (p Process) Zombie() bool { return p.State == "Z" || p.State == "X" }

// HasUID reports whether any of the four user ids is uid.
func (p Process) HasUID(uid int) bool { return slices.Contains(p.UIDs[:], uid) }

func (p Process) String() string {
	return fmt.Sprintf("pid %d uid %d/%d/%d gid %d/%d/%d groups %v (%s)",
		p.PID, p.UIDs[0], p.UIDs[1], p.UIDs[2], p.GIDs[0], p.GIDs[1], p.GIDs[2], p.Groups, p.Command)
}

// Event is the process as an event of the journal holds it.
func (p Process) Event(note string) *journal.Process {
	return &journal.Process{
		PID: p.PID, PPID: p.PPID, State: p.State, UIDs: p.UIDs, GIDs: p.GIDs,
		Groups: p.Groups, Command: p.Command, Note: note, Started: p.started(),
	}
}

// started is when the kernel says the process began, to a hundredth of a second.
func (p Process) started() time.Time {
	const tick = time.Second / 100 // USER_HZ, the same on every Linux
	var sinceBoot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &sinceBoot); err != nil {
		return time.Time{}
	}
	age := time.Duration(sinceBoot.Nano()) - time.Duration(p.Start)*tick
	return time.Now().Add(-age).UTC()
}

// Alive reports whether this very process still runs. Zombies do not.
func (p Process) Alive() bool {
	now, err := Read(p.PID)
	return err == nil && now.Start == p.Start && !now.Zombie()
}

// Signal sends a signal to this very process, as root. It is no error if the
// process is gone.
func (p Process) Signal(signal syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	now, err := Read(p.PID)
	if err != nil || now.Start != p.Start {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", signal, p.PID, err)
	}
	return nil
}

// Environ returns the environment that /proc shows for the process.
func (p Process) Environ() ([]string, error) { return p.strings("environ") }

// Argv returns the argument list that /proc shows for the process.
func (p Process) Argv() ([]string, error) { return p.strings("cmdline") }

// Executed reports whether no exec is under way: until its end the kernel shows
// no arguments, and for a moment longer no environment.
func (p Process) Executed() bool {
	argv, err := p.Argv()
	if err != nil || len(argv) == 0 {
		return false
	}
	environ, err := p.Environ()
	return err == nil && (len(environ) > 0 || p.State != "R")
}

func (p Process) strings(file string) ([]string, error) {
	raw, err := os.ReadFile(p.path(file))
	if err != nil {
		return nil, fmt.Errorf("read %s of process %d: %w", file, p.PID, err)
	}
	return splitNUL(raw), nil
}

func splitNUL(raw []byte) []string {
	raw = bytes.TrimRight(raw, "\x00")
	if len(raw) == 0 {
		return nil
	}
	return strings.Split(string(raw), "\x00")
}

// Umask returns the file mode creation mask of the process.
func (p Process) Umask() (os.FileMode, error) {
	fields, err := statusFields(p.PID)
	if err != nil {
		return 0, err
	}
	mask, err := strconv.ParseUint(fields["Umask"], 8, 32)
	if err != nil {
		return 0, fmt.Errorf("read umask of process %d: %w", p.PID, err)
	}
	return os.FileMode(mask), nil
}

// FD is one open descriptor of a process.
type FD struct {
	Number      int
	Target      string // as the link in /proc says: "socket:[123]", "/dev/null"
	CloseOnExec bool
}

// FDs returns the open descriptors of the process, sorted by number.
func (p Process) FDs() ([]FD, error) {
	entries, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return nil, fmt.Errorf("list descriptors of process %d: %w", p.PID, err)
	}
	var fds []FD
	for _, entry := range entries {
		number, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		target, err := os.Readlink(p.path("fd/" + entry.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		fds = append(fds, FD{Number: number, Target: target, CloseOnExec: closeOnExec(p.path("fdinfo/" + entry.Name()))})
	}
	slices.SortFunc(fds, func(a, b FD) int { return a.Number - b.Number })
	return fds, nil
}

func closeOnExec(fdinfo string) bool {
	raw, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(raw)) {
		if flags, ok := strings.CutPrefix(line, "flags:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(flags), 8, 64)
			return err == nil && bits&unix.O_CLOEXEC != 0
		}
	}
	return false
}

// HasOpen reports whether a descriptor of the process is the file with this device and
// inode.
func (p Process) HasOpen(device, inode uint64) bool {
	entries, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return false
	}
	for _, entry := range entries {
		info, err := os.Stat(p.path("fd/" + entry.Name()))
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Ino == inode && stat.Dev == device {
			return true
		}
	}
	return false
}

func (p Process) path(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.PID), file)
}

// Read reads one process from /proc. The error is fs.ErrNotExist if there is none, or
// ESRCH if it ends meanwhile.
func Read(pid int) (Process, error) {
	p, err := readStat(pid)
	if err != nil {
		return p, err
	}
	return p, p.complete()
}

// readStat reads what identifies a process, which is the cheaper half.
func readStat(pid int) (Process, error) {
	p := Process{PID: pid}
	stat, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return p, err
	}
	if err := p.parseStat(string(stat)); err != nil {
		return p, fmt.Errorf("read %s: %w", p.path("stat"), err)
	}
	return p, nil
}

// complete reads the rest: ids, groups and command.
func (p *Process) complete() error {
	fields, err := statusFields(p.PID)
	if err != nil {
		return err
	}
	p.UIDs, p.GIDs = fourIDs(fields["Uid"]), fourIDs(fields["Gid"])
	for _, group := range strings.Fields(fields["Groups"]) {
		if id, err := strconv.Atoi(group); err == nil {
			p.Groups = append(p.Groups, id)
		}
	}
	slices.Sort(p.Groups)
	p.NoNewPrivs = fields["NoNewPrivs"] == "1"
	p.Command = "[" + p.Name + "]"
	if argv, err := p.Argv(); err == nil && len(argv) > 0 {
		p.Command = strings.Join(argv, " ")
	}
	return nil
}

// parseStat reads /proc/PID/stat. The name in brackets may hold blanks and
// brackets itself, so the last closing one counts.
func (p *Process) parseStat(stat string) error {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return errors.New("no process name in it")
	}
	p.Name = stat[open+1 : end]
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return fmt.Errorf("%d fields after the name, 20 needed", len(fields))
	}
	p.State = fields[0]
	for i, into := range []*int{&p.PPID, &p.Group, &p.Session} {
		n, err := strconv.Atoi(fields[1+i])
		if err != nil {
			return err
		}
		*into = n
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	p.Start = start
	return err
}

func statusFields(pid int) (map[string]string, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

func fourIDs(text string) [4]int {
	var ids [4]int
	for i, field := range strings.Fields(text) {
		if i < len(ids) {
			ids[i], _ = strconv.Atoi(field) // the kernel writes numbers
		}
	}
	return ids
}

// All returns all processes there are, zombies included, by id.
func All() (map[int]Process, error) {
	return allBut(nil)
}

// allBut returns all processes save the given ones.
func allBut(known map[identity]bool) (map[int]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := map[int]Process{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		p, err := readStat(pid)
		if err != nil || known[p.identity()] || p.complete() != nil {
			continue // unwanted, or ended meanwhile
		}
		all[pid] = p
	}
	return all, nil
}

// Lines shows processes, one a line.
func Lines(processes []Process) string {
	text := ""
	for _, p := range processes {
		text += p.String() + "\n"
	}
	if text == "" {
		return "none"
	}
	return text
}

// ByStart orders processes, in place, so that parents come before their children.
func ByStart(list []Process) []Process {
	slices.SortFunc(list, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return list
}
