package wall

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Need is a capability without which nothing can be judged in a sandbox: what it lacks would look like a fault of the
// implementation.
type Need struct {
	Name string
	Bit  int
	Use  string
	Own  bool // of the worker alone: commands below sudo neither need nor get it
}

// Needed are all of them.
var Needed = []Need{
	{"SETUID", unix.CAP_SETUID, "sudo becomes another user", false},
	{"SETGID", unix.CAP_SETGID, "sudo becomes another group", false},
	{"AUDIT_WRITE", unix.CAP_AUDIT_WRITE, "sudo writes its audit record", false},
	{"CHOWN", unix.CAP_CHOWN, "accounts get their files", false},
	{"DAC_OVERRIDE", unix.CAP_DAC_OVERRIDE, "root reads and writes the files of all accounts", false},
	{"FOWNER", unix.CAP_FOWNER, "root sets the modes of the files of all accounts", false},
	{"KILL", unix.CAP_KILL, "root ends the tasks of all accounts", false},
	{"SYS_PTRACE", unix.CAP_SYS_PTRACE, "the worker looks at descriptors and environment of tasks in /proc", true},
}

// Set returns one set of capabilities, "CapEff" say, of a /proc/PID/status.
func Set(status, name string) (uint64, error) {
	for line := range strings.Lines(status) {
		if value, is := strings.CutPrefix(line, name+":"); is {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("read the capabilities %s: %w", name, err)
			}
			return set, nil
		}
	}
	return 0, fmt.Errorf("read the capabilities %s: the status has none", name)
}

// Missing names those of the needs that a process with the two sets lacks, each with its use: it needs what is effective
// itself, and sudo below it gets what is in the bounding set.
func Missing(needs []Need, effective, bounding uint64) []string {
	var missing []string
	for _, n := range needs {
		mask := uint64(1) << n.Bit
		if effective&mask == 0 || !n.Own && bounding&mask == 0 {
			missing = append(missing, fmt.Sprintf("%s (%s)", n.Name, n.Use))
		}
	}
	return missing
}
