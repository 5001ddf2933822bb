package docker

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
)

// TestHostConfiguration is what an engine is asked for, word by word: what is lost here no attempt may notice on this machine.
func TestHostConfiguration(t *testing.T) {
	var got container.HostConfig
	configureHost(&got)
	processes, no := int64(4096), false
	want := container.HostConfig{
		AutoRemove: true, LogConfig: container.LogConfig{Type: "none"}, NetworkMode: "none", ExtraHosts: []string{"understudy:127.0.0.1"},
		CapAdd: []string{"SYS_PTRACE"}, CapDrop: []string{"MKNOD"},
		Tmpfs: map[string]string{
			"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=536870912", "/run": "rw,exec,nosuid,nodev,mode=0755,size=536870912",
			"/home": "rw,exec,nosuid,nodev,mode=0755,size=536870912", "/srv": "rw,exec,nosuid,nodev,mode=0755,size=536870912",
			"/root": "rw,exec,nosuid,nodev,mode=0700,size=536870912",
		},
	}
	want.Init, want.PidsLimit, want.Memory, want.MemorySwap = &no, &processes, 4<<30, 4<<30
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if options, err := filter(); err != nil || (runtime.GOOS == "linux") != (len(options) == 1) {
		t.Errorf("filter of system calls: %d options, %v", len(options), err)
	}
}
