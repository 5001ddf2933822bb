package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine says where the figures come from.
type Machine struct {
	Cores      int     `json:"cores"`
	Processor  string  `json:"processor"`
	Memory     string  `json:"memory"`
	Kernel     string  `json:"kernel"`
	Sudo       string  `json:"sudo"`
	Go         string  `json:"go"`
	LoadBefore float64 `json:"load_before"` // runnable processes, average of the minute before
	Scheduling string  `json:"scheduling"`  // class of all that is measured; chrt shields a run from what else the machine does
}

// machineFacts are read inside the sandbox, whose sudo is the one that counts.
func machineFacts(ctx context.Context) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), Processor: field("/proc/cpuinfo", "model name"), Memory: field("/proc/meminfo", "MemTotal"), Go: runtime.Version()}
	var names unix.Utsname
	if err := unix.Uname(&names); err != nil {
		return m, fmt.Errorf("ask for the kernel: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(names.Release[:])
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, fmt.Errorf("read load: %w", err)
	}
	first, _, _ := strings.Cut(string(load), " ")
	if m.LoadBefore, err = strconv.ParseFloat(first, 64); err != nil {
		return m, fmt.Errorf("read load: %w", err)
	}
	if m.Scheduling, err = scheduling(); err != nil {
		return m, err
	}
	version, err := exec.CommandContext(ctx, "sudo", "--version").Output()
	if err != nil {
		return m, fmt.Errorf("ask sudo for its version: %w", err)
	}
	line, _, _ := bytes.Cut(version, []byte{'\n'})
	m.Sudo = string(line)
	return m, nil
}

// field is the value of the first line "NAME : VALUE" of a file of /proc.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// scheduling names the class of this process, which what it starts inherits.
func scheduling() (string, error) {
	attributes, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return "", fmt.Errorf("ask for the scheduling class: %w", err)
	}
	switch attributes.Policy {
	case unix.SCHED_NORMAL, unix.SCHED_BATCH:
		return "ordinary scheduling", nil
	case unix.SCHED_FIFO, unix.SCHED_RR:
		return "real time scheduling", nil
	}
	return fmt.Sprintf("scheduling class %d", attributes.Policy), nil
}
