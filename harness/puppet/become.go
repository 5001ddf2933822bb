package puppet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// resume is the argument after which a puppet finds its part that has become another user.
const resume = "resume"

// become has the process become the user of the task by sudo, as runners do, if that is
// for it to do and it is not that user already. The channel stays descriptor 0.
func (p *puppet) become() error {
	text, err := os.ReadFile(filepath.Join(p.Conf.Dir, UserFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("learn whom to become: %w", err)
	}
	name := string(text)
	target, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("become %s: %w", name, err)
	}
	if target.Uid == strconv.Itoa(os.Geteuid()) {
		return nil
	}
	sudo, err := exec.LookPath("sudo")
	if err != nil {
		return fmt.Errorf("become %s: %w", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("become %s: %w", name, err)
	}
	rest, err := json.Marshal(p.part)
	if err != nil {
		return fmt.Errorf("become %s: %w", name, err)
	}
	argv := []string{sudo, "-n", "-H", "-u", name, "--", self, resume, string(rest)}
	return fmt.Errorf("become %s: execute %s: %w", name, sudo, syscall.Exec(sudo, argv, os.Environ()))
}
