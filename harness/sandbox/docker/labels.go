package docker

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

// Labels of containers, and of images.
const (
	runLabel   = "dev.understudy.run"   // id of the run
	pidLabel   = "dev.understudy.pid"   // process id of its outer command
	hostLabel  = "dev.understudy.host"  // name of the machine on which that id means something
	spaceLabel = "dev.understudy.pidns" // and the pid namespace in which it does
	imageLabel = "dev.understudy.image" // on images: built by Prepare
)

// labels marks a container as that of this process.
func labels(runID string) map[string]string {
	host, _ := os.Hostname() // without a name, nobody takes it for an orphan
	return map[string]string{runLabel: runID, pidLabel: strconv.Itoa(os.Getpid()), hostLabel: host, spaceLabel: pidSpace()}
}

// pidSpace names the pid namespace of this process, and is empty where that is not known.
func pidSpace() string {
	if runtime.GOOS != "linux" {
		return runtime.GOOS // has one only
	}
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}

// orphaned reports whether the outer command of a container has certainly ended, to a process that marks its own
// with the second labels. That of another machine, or of another pid namespace on it, may live; a process id that
// was used again keeps the container.
func orphaned(theirs, own map[string]string, alive func(pid int) bool) bool {
	pid, err := strconv.Atoi(theirs[pidLabel])
	if err != nil || pid <= 0 {
		return true // no outer command writes that
	}
	for _, place := range []string{hostLabel, spaceLabel} {
		if theirs[place] == "" || theirs[place] != own[place] {
			return false
		}
	}
	return !alive(pid)
}

// alive reports whether a process of this machine exists, whoever owns it.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer process.Release()
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}
