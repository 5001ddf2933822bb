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
)

const (
	// volley is how often Hunt looks at the children of the root between two looks
	// at all processes.
	volley = 500

	// youngest is how many of the children it then aims at; at every sweep-th look
	// at all, since those that wait for a processor do not stay the youngest.
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
// of the time that a look at /proc takes: whoever lists them and then kills what he
// listed comes too late. Below a subreaper each of them is, for most of its life, a
// child of that, and those the kernel lists at once.
func Hunt(root int, bound time.Duration) error {
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); {
		all, err := Of(root)
		if err != nil {
			return err
		}
		alive := false
		for _, p := range all {
			alive = shoot(p.PID) && !p.Zombie || alive
		}
		if !fire(root, deadline) && !alive {
			return nil
		}
	}
	return nil
}

// fire aims at the children of the root for a volley, and reports whether there
// were new ones meanwhile.
func fire(root int, deadline time.Time) (fresh bool) {
	lists := openChildren(root)
	newest := make([]int, len(lists))
	for shot := 0; shot < volley && time.Now().Before(deadline); shot++ {
		aim := youngest
		if shot%sweep == 0 {
			aim = math.MaxInt
		}
		for i, list := range lists {
			pids := list.last(aim)
			for _, pid := range pids {
				shoot(pid)
			}
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

// shoot reports whether there is such a process, perhaps as a zombie, that may be
// signalled.
func shoot(pid int) bool {
	return pid > 1 && pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil
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
