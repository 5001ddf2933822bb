package runner

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// switchTo becomes the second phase as target, in this process, and returns only
// if that is impossible.
func (s *execution) switchTo(target impersonate.Account, payload []byte) error {
	runner, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the runner's own executable: %w", err)
	}
	argv, credential, err := impersonate.Command(target, []string{runner, "resume"})
	if err != nil {
		return err
	}
	h := Handover{
		Target:      target,
		Settings:    s.config.All(),
		Environment: impersonate.Environment(target, impersonate.Allowed(os.Environ(), s.settings.passEnvironment...)),
		Payload:     payload,
	}
	// The audit line (SEC-012). If sudo refuses, its own words on standard error
	// are the last that is heard, so this line has to name the user.
	s.log.Info(fmt.Sprintf("switching to user %s (uid %d); what hinders it is said on standard error", target.Name, target.UID),
		"user", target.Name, "uid", target.UID, "argv", argv)
	if err := s.channel.putOn(0); err != nil {
		return fmt.Errorf("put the channel back on descriptor 0: %w", err)
	}
	offered, err := h.offer(0)
	if err != nil {
		return err
	}
	if err := unix.Dup3(offered, 0, 0); err != nil {
		return fmt.Errorf("put the hand-over on descriptor 0: %w", err)
	}
	if credential != nil {
		if err := become(target); err != nil {
			return err
		}
	}
	// sudo needs nothing of the worker's environment, and what it is given is
	// what a lax policy would let through.
	err = syscall.Exec(argv[0], argv, []string{"PATH=" + impersonate.Path, "LANG=C.UTF-8"})
	return fmt.Errorf("execute %s to become user %s: %w", argv[0], target.Name, err)
}
