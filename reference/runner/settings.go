package runner

import (
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/reference/config"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// settings are the options that the runner itself goes by.
type settings struct {
	defaultUser     string
	policy          impersonate.Policy
	passEnvironment []string
	umask           int
	maxFrame        uint32
	missingRetries  int
	missingDelay    time.Duration
	terminalTimeout time.Duration
	killStep        time.Duration
}

// readSettings fails on the first option whose value is of no use, and names it.
func readSettings(c *config.Config) (s settings, err error) {
	if err := c.Validate(); err != nil {
		return s, err
	}
	var names string
	var umask uint32
	var maxFrame int
	for _, read := range []func() error{
		func() error { s.defaultUser, _, err = c.Lookup("core", "default_impersonation"); return err },
		func() error { names, _, err = c.Lookup("understudy", "pass_environment"); return err },
		func() error { s.policy.AllowRoot, err = c.Bool("understudy", "allow_root"); return err },
		func() error { umask, err = c.Mode("understudy", "umask"); return err },
		func() error { maxFrame, err = c.Int("understudy", "max_frame_bytes"); return err },
		func() error { s.missingRetries, err = c.Int("workers", "missing_dag_retries"); return err },
		func() error { s.missingDelay, err = c.Seconds("workers", "missing_dag_retry_delay"); return err },
		func() error { s.terminalTimeout, err = c.Seconds("understudy", "terminal_timeout"); return err },
		func() error { s.killStep, err = c.Seconds("understudy", "kill_step"); return err },
	} {
		if err := read(); err != nil {
			return s, err
		}
	}
	s.umask = int(umask)
	s.maxFrame = uint32(maxFrame)
	for _, name := range strings.Split(names, ",") {
		if name = strings.TrimSpace(name); name != "" {
			s.passEnvironment = append(s.passEnvironment, name)
		}
	}
	return s, nil
}
