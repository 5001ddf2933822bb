package worker

import (
	"errors"
	"fmt"
	"strings"

	"github.com/understudy-conformance/understudy/harness/wall"
)

// capable reads /proc/self/status.
func capable(status string) error {
	for line := range strings.Lines(status) {
		if value, is := strings.CutPrefix(line, "NoNewPrivs:"); is && strings.TrimSpace(value) != "0" {
			return errors.New("no_new_privs is set: no command can gain privileges, sudo neither (in a container: drop no-new-privileges)")
		}
	}
	effective, err := wall.Set(status, "CapEff")
	if err != nil {
		return err
	}
	bounding, err := wall.Set(status, "CapBnd")
	if err != nil {
		return err
	}
	if missing := wall.Missing(wall.Needed, effective, bounding); len(missing) > 0 {
		return fmt.Errorf("the sandbox lacks capabilities: %s", strings.Join(missing, ", "))
	}
	return nil
}
