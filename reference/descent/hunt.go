package descent

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// volley is how often Hunt looks at the children of the root between two looks
	// at all processes.
	volley = 500

	// youngest is how many of the children it then aims at; at every sweep-th look
	// at all, since those that wait for a processor do not stay the youngest. More
	// than youngest are stopped before any of them is killed.
	youngest = 8
	sweep    = 8

	// listSize is room for as many pids as most systems have.
	listSize = 256 << 10
)

// Hunt sends SIGKILL to whatever descends from root, again and again until nothing
// of it seems to live, for at most that long; this process and what it may not
// signal are left out. Whether anything is left is for the parent of them all to say.
//
// It exists for programs that fork in a loop, each process living for a fraction
// of the time that a look at /proc takes: when a list of them is complete, most of what
// it names is gone. Below a subreaper each of them is, for most of its life, a
// child of that, and those the kernel lists at once. And a signal to a process group
// has no gap: of a process that forks meanwhile it hits the child, too, or there is
// none. See hunter.signal for the groups that may be signalled.
//
// Many are stopped first, and then killed. Otherwise the rest starts as many anew while
// the first ones die, and leaves the hunter hardly any time of a processor. Making them
// the last to get some, by nice and SCHED_IDLE, is worse than nothing: they have to run
// once more to die.
func Hunt(root int, bound time.Duration) error {
	h, err := newHunter(root)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); {
		all, err := Of(root)
		if err != nil {
			return err
		}
		if len(all) > youngest {
			for _, p := range all {
				h.signal(p.PID, p.Session, syscall.SIGSTOP)
			}
		}
		alive := false
		for _, p := range all {
			alive = h.signal(p.PID, p.Session, syscall.SIGKILL) && !p.Zombie || alive
		}
		if !h.fire(deadline) && !alive {
			return nil
		}
	}
	return nil
}

// Kill sends SIGKILL once to processes that were just seen to descend from root, and
// to their process groups, see Hunt.
func Kill(root int, processes []Process) error {
	h, err := newHunter(root)
	if err != nil {
		return err
	}
	for _, p := range processes {
		h.signal(p.PID, p.Session, syscall.SIGKILL)
	}
	return nil
}

// hunter knows what it must not hit.
type hunter struct {
	root    int // whose descendants are hunted
	session int // of the root
	own     int // process group of this process: sudo may have put it into a session below the root
}

func newHunter(root int) (hunter, error) {
	session, err := unix.Getsid(root)
	if err != nil {
		return hunter{}, fmt.Errorf("ask for the session of process %d: %w", root, err)
	}
	return hunter{root, session, unix.Getpgrp()}, nil
}

// signal sends a signal to a process that was seen in a session, below the root, and
// to its group. It reports whether there is such a process, perhaps as a zombie, that
// may be signalled.
//
// Nobody enters a session but by being born into it, and a group lies in one session.
// So everything in a session that is not the root's was started by the descendant that
// made it, and the group can be signalled. In the session of the root a task could
// enter the group of a neighbour, or of the supervisor, and have that killed.
//
// The look may be old, and the number another process's by now. That one would be in
// the same session only if the number of the session was given anew, too.
func (h hunter) signal(pid, session int, number syscall.Signal) bool {
	if pid <= 1 || pid == os.Getpid() {
		return false
	}
	if now, err := unix.Getsid(pid); err != nil || now != session {
		return err == nil // seen again, if it is still one of them
	}
	group, err := unix.Getpgid(pid)
	if err == nil && group > 1 && group != h.own && session > 0 && session != h.session {
		_ = syscall.Kill(-group, number)
	}
	return syscall.Kill(pid, number) == nil // it may have left its group
}

// fire aims at the children of the root for a volley, and reports whether there
// were new ones meanwhile.
func (h hunter) fire(deadline time.Time) (fresh bool) {
	lists := openChildren(h.root)
	newest := make([]int, len(lists))
	for shot := 0; shot < volley && time.Now().Before(deadline); shot++ {
		aim := youngest
		if shot%sweep == 0 {
			aim = math.MaxInt
		}
		for i, list := range lists {
			pids := list.last(aim)
			if len(pids) > youngest {
				h.each(pids, syscall.SIGSTOP)
			}
			h.each(pids, syscall.SIGKILL)
			if len(pids) > 0 {
				fresh = fresh || shot > 0 && pids[0] != newest[i]
				newest[i] = pids[0]
			}
		}
	}
	for _, list := range lists {
		list.file.Close()
	}
	return fresh
}

// each signals children of the root.
func (h hunter) each(pids []int, number syscall.Signal) {
	for _, pid := range pids {
		if session, err := unix.Getsid(pid); err == nil {
			h.signal(pid, session, number)
		}
	}
}

// childList is the kernel's list of the children that a thread has, the youngest last.
type childList struct {
	file   *os.File
	buffer []byte
}

// openChildren opens the lists of all threads of a process; none on a kernel that
// has no such lists.
func openChildren(pid int) []childList {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var lists []childList
	for _, path := range paths {
		if file, err := os.Open(path); err == nil {
			lists = append(lists, childList{file, make([]byte, listSize)})
		}
	}
	return lists
}

// last returns the last n children that the list has now.
func (l childList) last(n int) []int {
	length, _ := l.file.ReadAt(l.buffer, 0)
	text := strings.TrimRight(string(l.buffer[:length]), " ")
	var pids []int
	for len(pids) < n && text != "" {
		i := strings.LastIndexByte(text, ' ')
		if pid, err := strconv.Atoi(text[i+1:]); err == nil {
			pids = append(pids, pid)
		}
		text = text[:max(i, 0)]
	}
	return pids
}
