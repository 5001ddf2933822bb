package escape

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// needs says that a test has to plant what is looked for.
func needs(planted bool) error {
	if !planted {
		return fmt.Errorf("%w: nothing was planted", errAbsent)
	}
	return nil
}

// ways are the paths by which a file of outside may be reached.
func ways(path string) []string {
	return []string{path, "/proc/1/root" + path, "/proc/1/cwd" + path}
}

func filesRead(o Outside) error {
	if err := needs(len(o.Files) > 0); err != nil {
		return err
	}
	for _, file := range o.Files {
		for _, path := range ways(file) {
			if text, err := os.ReadFile(path); err == nil && bytes.HasPrefix(text, []byte(o.Canary)) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: none of the files is there", errRefused)
}

func filesWritten(o Outside) error {
	if err := needs(len(o.Files) > 0); err != nil {
		return err
	}
	for _, file := range o.Files {
		for _, path := range ways(file) {
			if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
				return f.Close()
			}
		}
	}
	return fmt.Errorf("%w: none of the files is there", errRefused)
}

// ofProcesses looks for the canary in a file of every process but this one.
func ofProcesses(o Outside, name string) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	paths, err := filepath.Glob("/proc/[0-9]*/" + name)
	if err != nil {
		return err
	}
	self := fmt.Sprintf("/proc/%d/", os.Getpid())
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(o.Canary)) && !strings.HasPrefix(path, self) && !ours(text) {
			return nil
		}
	}
	return fmt.Errorf("%w: no process has it among %d", errRefused, len(paths))
}

// ours recognises the arguments of the processes that make these attempts, which name the canary.
func ours(text []byte) bool { return bytes.Contains(text, []byte("understudy-worker")) }

func processes(o Outside) error { return ofProcesses(o, "cmdline") }

func environment(o Outside) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	for _, variable := range os.Environ() {
		if strings.Contains(variable, o.Canary) {
			return nil
		}
	}
	return ofProcesses(o, "environ")
}

func descriptors(o Outside) error {
	if err := needs(o.Canary != ""); err != nil {
		return err
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return err
	}
	looked := 0
	for _, link := range links {
		info, err := os.Stat(link)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file, err := os.Open(link)
		if err != nil {
			continue
		}
		looked++
		text := make([]byte, len(o.Canary))
		_, _ = file.ReadAt(text, 0)
		_ = file.Close()
		if string(text) == o.Canary {
			return nil
		}
	}
	return fmt.Errorf("%w: none of the %d files that could be opened by a descriptor has it", errRefused, looked)
}

const dialTime = 2 * time.Second

func network(o Outside) error {
	if err := needs(o.Port > 0); err != nil {
		return err
	}
	return dials("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
}

func abstractSocket(o Outside) error {
	if err := needs(o.Abstract != ""); err != nil {
		return err
	}
	return dials("unix", "@"+o.Abstract)
}

func dials(network, address string) error {
	conn, err := net.DialTimeout(network, address, dialTime)
	if err != nil {
		return err
	}
	return conn.Close()
}
