package fetch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// keepOutcomes is how long, at least, the outcome of a connection is kept for
// processes that wait for the lock; no lock is waited for longer.
const keepOutcomes = time.Hour

// outcome is what a connection to the upstream repository gave. Processes that
// waited for the lock meanwhile share it, failures included, instead of
// connecting one after the other.
type outcome struct {
	Started time.Duration `json:"started"` // when it began, since boot
	Error   string        `json:"error,omitempty"`
}

// outcomes are kept in a file under the lock, by what was asked of upstream.
type outcomes struct {
	Boot string             `json:"boot"` // the boot in which the times count
	Last map[string]outcome `json:"last"`
}

func (s store) outcomesPath() string { return filepath.Join(s.Dir, "fetched.json") }

// outcomes reads the file. One that is absent, damaged or of an earlier boot says nothing.
func (s store) outcomes() outcomes {
	var o outcomes
	data, err := os.ReadFile(s.outcomesPath())
	if err != nil || json.Unmarshal(data, &o) != nil || o.Boot != bootID() || o.Last == nil {
		return outcomes{Boot: bootID(), Last: map[string]outcome{}}
	}
	return o
}

// since returns the outcome of the last connection for what, if it began at or
// after asked: an earlier one may have missed what was pushed in between.
func (s store) since(asked time.Duration, what string) (outcome, bool) {
	last, ok := s.outcomes().Last[what]
	return last, ok && last.Started >= asked
}

// record keeps the outcome of a connection.
func (s store) record(what string, started time.Duration, failure error) error {
	o := s.outcomes()
	for key, last := range o.Last {
		if started-last.Started > keepOutcomes {
			delete(o.Last, key)
		}
	}
	this := outcome{Started: started}
	if failure != nil {
		this.Error = failure.Error()
	}
	o.Last[what] = this
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("record fetch: %w", err)
	}
	next := s.outcomesPath() + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record fetch: %w", err)
	}
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("record fetch: %w", err)
	}
	if err := os.Rename(next, s.outcomesPath()); err != nil {
		return fmt.Errorf("record fetch: %w", err)
	}
	return nil
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
