package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// reapOrphans collects the children that have ended and for which nobody in this
// program waits. A body may use os/exec, which would find its child gone.
//
// What tells them apart is that an os.Process holds a pidfd of its process, from
// the fork until Wait or Release. Where that cannot be seen nothing is collected;
// the zombies go when the task ends.
func reapOrphans() {
	ended := endedChildren() // before what is held: a child is never seen ended without its pidfd
	if len(ended) == 0 || !holdsPidfds() {
		return
	}
	held, err := heldProcesses()
	if err != nil {
		return
	}
	for _, pid := range ended {
		if !held[pid] {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// holdsPidfds reports whether package os works by pidfds on this kernel.
var holdsPidfds = sync.OnceValue(func() bool {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return false
	}
	defer self.Release()
	return self.WithHandle(func(uintptr) {}) == nil
})

// endedChildren lists the children of all threads that are zombies.
func endedChildren() []int {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	var ended []int
	for _, thread := range threads {
		text, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/children")
		if err != nil {
			continue // the thread has ended, or the kernel does not tell
		}
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err == nil && hasEnded(pid) {
				ended = append(ended, pid)
			}
		}
	}
	return ended
}

// hasEnded looks at a child without collecting it.
func hasEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == int32(unix.SIGCHLD) // 0: it runs
}

// heldProcesses returns the pids of which this process holds a pidfd.
func heldProcesses() (map[int]bool, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("list own descriptors: %w", err)
	}
	held := map[int]bool{}
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || target != "anon_inode:[pidfd]" && !strings.HasPrefix(target, "pidfd:") {
			continue // closed meanwhile, or another kind
		}
		info, err := os.ReadFile("/proc/self/fdinfo/" + entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read what a pidfd stands for: %w", err)
		}
		_, rest, _ := strings.Cut("\n"+string(info), "\nPid:")
		line, _, _ := strings.Cut(rest, "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("read what a pidfd stands for: %w", err)
		}
		held[pid] = true
	}
	return held, nil
}
