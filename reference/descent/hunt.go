package descent

import (
	"fmt"
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

	// youngest is how many of the children it then aims at.
	youngest = 8
)

// Hunt sends SIGKILL for that long to whatever descends from root, again and again;
// this process and what it may not signal are left out. Whether anything is left
// is for the parent of them all to say.
//
// It exists for programs that fork in a loop, each process living for a fraction
// of the time that a look at /proc takes: whoever lists them and then kills what he
// listed comes too late. Below a subreaper each of them is, for most of its life, a
// child of that, and those the kernel lists at once.
func Hunt(root int, duration time.Duration) error {
	for deadline := time.Now().Add(duration); time.Now().Before(deadline); {
		all, err := Of(root)
		if err != nil {
			return err
		}
		for _, p := range all {
			shoot(p.PID)
		}
		lists := openChildren(root)
		for shot := 0; shot < volley && time.Now().Before(deadline); shot++ {
			for _, list := range lists {
				for _, pid := range list.last(youngest) {
					shoot(pid)
				}
			}
		}
		for _, list := range lists {
			list.file.Close()
		}
	}
	return nil
}

func shoot(pid int) {
	if pid > 1 && pid != os.Getpid() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it is gone, or another user's
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
			lists = append(lists, childList{file, make([]byte, 64<<10)})
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
