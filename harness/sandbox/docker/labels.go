package docker

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

// Labels of containers, and of images.
const (
	runLabel   = "dev.understudy.run"   // id of the run
	pidLabel   = "dev.understudy.pid"   // process id of its outer command
	hostLabel  = "dev.understudy.host"  // name of the machine on which that id means something
	imageLabel = "dev.understudy.image" // on images: built by Prepare
)

// labels marks a container as that of this process.
func labels(runID string) map[string]string {
	host, _ := os.Hostname() // without a name, only this machine's nameless processes match
	return map[string]string{runLabel: runID, pidLabel: strconv.Itoa(os.Getpid()), hostLabel: host}
}

// orphaned reports whether the outer command of a container has certainly ended. That of another
// machine may live; a process id that was used again keeps the container.
func orphaned(labels map[string]string, host string, alive func(pid int) bool) bool {
	pid, err := strconv.Atoi(labels[pidLabel])
	if err != nil || pid <= 0 {
		return true // no outer command writes that
	}
	return labels[hostLabel] == host && !alive(pid)
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
