package worker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capability is one without which nothing can be judged here, and what needs it.
type capability struct {
	name string
	bit  int
	use  string
	own  bool // of the worker alone: commands below sudo neither need nor get it
}

// needed are all of them. Missing ones would look like faults of the implementation.
var needed = []capability{
	{"SETUID", unix.CAP_SETUID, "sudo becomes another user", false},
	{"SETGID", unix.CAP_SETGID, "sudo becomes another group", false},
	{"AUDIT_WRITE", unix.CAP_AUDIT_WRITE, "sudo writes its audit record", false},
	{"CHOWN", unix.CAP_CHOWN, "accounts get their files", false},
	{"DAC_OVERRIDE", unix.CAP_DAC_OVERRIDE, "root reads and writes the files of all accounts", false},
	{"FOWNER", unix.CAP_FOWNER, "root sets the modes of the files of all accounts", false},
	{"KILL", unix.CAP_KILL, "root ends the tasks of all accounts", false},
	{"SYS_PTRACE", unix.CAP_SYS_PTRACE, "the worker looks at descriptors and environment of tasks in /proc", true},
}

// capable reads /proc/self/status. What the worker itself does needs effective capabilities; what sudo
// gets at most is the bounding set.
func capable(status string) error {
	sets := map[string]uint64{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "NoNewPrivs" && value != "0":
			return errors.New("no_new_privs is set: no command can gain privileges, sudo neither (in a container: drop no-new-privileges)")
		case name == "CapEff" || name == "CapBnd":
			set, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				return fmt.Errorf("read the capabilities %s: %w", name, err)
			}
			sets[name] = set
		}
	}
	var missing []string
	for _, c := range needed {
		mask := uint64(1) << c.bit
		if sets["CapEff"]&mask == 0 || !c.own && sets["CapBnd"]&mask == 0 {
			missing = append(missing, fmt.Sprintf("%s (%s)", c.name, c.use))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the sandbox lacks capabilities: %s", strings.Join(missing, ", "))
	}
	return nil
}
