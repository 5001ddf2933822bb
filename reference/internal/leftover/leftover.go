// Package leftover lists what a program can leave behind on a machine, so that a
// test can compare a machine before and after many runs of it.
package leftover

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// everywhere is where programs put files that are not theirs alone.
var everywhere = []string{"/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mqueue", "/home", "/root", "/var/lib", "/var/log", "/etc"}

// tables are the kernel's, one object a line.
var tables = []string{"/proc/net/unix", "/proc/net/tcp", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg", "/proc/self/mountinfo"}

// List returns everything of this machine in which a program could leave
// something, by kind: processes (zombies included), files, Unix sockets, TCP
// connections, System V objects and mounts. Files are looked for in the folders,
// or without any wherever programs put some. It is meant for a machine on which
// nothing else happens.
func List(folders ...string) (map[string][]string, error) {
	if len(folders) == 0 {
		folders = everywhere
	}
	found := map[string][]string{}
	processes, err := names()
	if err != nil {
		return nil, err
	}
	found["processes"] = processes
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			found["files"] = append(found["files"], path)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list files: %w", err)
		}
	}
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err != nil {
			return nil, fmt.Errorf("list kernel objects: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			switch {
			case table == "/proc/net/unix": // address and inode are other ones each time
				line = fmt.Sprint(fields[2:6], fields[7:])
			case table == "/proc/net/tcp" && fields[3] != "01": // not established
				continue
			}
			found[table] = append(found[table], line)
		}
		slices.Sort(found[table])
	}
	return found, nil
}

// names lists pid and name of all processes.
func names() ([]string, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		list = append(list, string(stat[:bytes.LastIndexByte(stat, ')')+1]))
	}
	slices.Sort(list)
	return list, nil
}
