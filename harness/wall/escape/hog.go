package escape

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkBomb has as many children as asked for, at the same time, and ends them.
func forkBomb(o Outside) error {
	if err := needs(o.Processes > 0); err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	var pids []int
	defer func() {
		write.Close() // their input ends, and they with it
		for _, pid := range pids {
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}()
	for range o.Processes {
		pid, err := syscall.ForkExec("/bin/cat", []string{"cat"}, &syscall.ProcAttr{Files: []uintptr{read.Fd(), 1, 2}})
		if err != nil {
			return fmt.Errorf("after %d processes: %w", len(pids), err)
		}
		pids = append(pids, pid)
	}
	return nil
}

// hogArgument makes this program take memory, in a process of its own: the kernel may kill it.
const hogArgument = "hog"

func memoryHog(o Outside) error {
	if err := needs(o.Memory > 0); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", "escape", hogArgument, strconv.Itoa(o.Memory))
	// Killed first where memory ends.
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("1000"), 0)
	err := cmd.Wait()
	if status, is := cmd.ProcessState.Sys().(syscall.WaitStatus); is && status.Signal() == unix.SIGKILL {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// hog takes so many octets of memory and touches each page.
func hog(octets int) error {
	memory, err := unix.Mmap(-1, 0, octets, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return unix.Munmap(memory)
}

func tmpfsHog(o Outside) error {
	if err := needs(o.Tmpfs > 0); err != nil {
		return err
	}
	path := temporary("hog")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(o.Tmpfs)); err != nil {
		return fmt.Errorf("make a file of %d octets: %w", o.Tmpfs, err)
	}
	return nil
}
