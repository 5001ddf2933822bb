package docker

import (
	"encoding/json"
	"fmt"

	"github.com/moby/profiles/seccomp"
)

// filter is the option that refuses system calls as today's Docker does. Engines of Debian 12 and older let io_uring and
// AF_VSOCK through by default.
func filter() ([]string, error) {
	profile := seccomp.DefaultProfile()
	for i := range profile.ArchMap {
		// The 32-bit calls of a family of sockets have one number and their arguments in memory.
		profile.ArchMap[i].SubArches = nil
	}
	text, err := json.Marshal(profile)
	if err != nil {
		return nil, fmt.Errorf("docker: write the filter of system calls: %w", err)
	}
	return []string{"seccomp=" + string(text)}, nil
}
