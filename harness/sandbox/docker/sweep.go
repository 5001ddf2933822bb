package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
)

// owner names a process of this machine so that a later process with the same id is not taken for it: host name, boot, id, start time.
func owner(pid int) string {
	host, _ := os.Hostname() // part of a name only: "" tells less and does no harm
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.Join([]string{host, string(bytes.TrimSpace(boot)), strconv.Itoa(pid), started(pid)}, "/")
}

// started is the start time of a process in clock ticks; "" where there is no /proc, or no such process.
func started(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in brackets may hold anything; after the last bracket the third field is number 5.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const startTime = 22 - 3
	if len(fields) <= startTime {
		return ""
	}
	return string(fields[startTime])
}

// alive reports whether the process that owner named still runs. Of another machine nothing is known: counts as alive.
func alive(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return true
	}
	host, _ := os.Hostname()
	if parts[0] != host {
		return true
	}
	pid, err := strconv.Atoi(parts[2])
	return err != nil || owner(pid) == name
}

// Sweep removes containers, running or only created, that runs left behind whose
// process has ended; with all, those of every run. It returns the ids. An
// error that wraps sandbox.ErrUnavailable means that no engine answers.
func Sweep(ctx context.Context, all bool) ([]string, error) {
	provider, err := engine(ctx)
	if err != nil {
		return nil, err
	}
	defer provider.Close()
	api := provider.Client()
	list, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", LabelRun)})
	if err != nil {
		return nil, fmt.Errorf("docker: list containers with label %s: %w", LabelRun, err)
	}
	var removed []string
	var problems []error
	for _, c := range list.Items {
		if !all && alive(c.Labels[LabelOwner]) {
			continue
		}
		if err := remove(ctx, api, c.ID); err != nil {
			problems = append(problems, err)
			continue
		}
		removed = append(removed, c.ID)
	}
	return removed, errors.Join(problems...)
}
