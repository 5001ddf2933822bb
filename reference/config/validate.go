package config

import "errors"

// kinds says how each option with a default that is not text is read.
var kinds = map[string]func(c *Config, section, key string) error{
	"core.task_success_overtime":      asSeconds,
	"workers.max_failed_heartbeats":   asCount,
	"workers.min_heartbeat_interval":  asSeconds,
	"workers.missing_dag_retries":     asCount,
	"workers.missing_dag_retry_delay": asSeconds,
	"workers.socket_cleanup_timeout":  asSeconds,
	"sdk.task_startup_timeout":        asSeconds,
	"understudy.allow_root":           asBool,
	"understudy.kill_step":            asSeconds,
	"understudy.max_frame_bytes":      asCount,
	"understudy.terminal_timeout":     asSeconds,
	"understudy.umask":                asMode,
}

func asSeconds(c *Config, section, key string) error { _, err := c.Seconds(section, key); return err }
func asBool(c *Config, section, key string) error    { _, err := c.Bool(section, key); return err }
func asMode(c *Config, section, key string) error    { _, err := c.Mode(section, key); return err }

func asCount(c *Config, section, key string) error {
	n, err := c.Int(section, key)
	if err == nil && (n < 0 || n > 1<<32-1) {
		_, source, _ := c.Lookup(section, key)
		return &ValueError{Section: section, Key: key, Source: source, Err: errors.New("it must be from 0 to 4294967295")}
	}
	return err
}

// Validate reports every option that supervisor or runner will read as a
// number or a truth value and that is none, so that a mistake stops a task at
// its start and not in its midst (CFG-004). Unset options are no mistake.
func (c *Config) Validate() error {
	var mistakes []error
	for _, name := range c.names() {
		check, ok := kinds[name.section+"."+name.key]
		if !ok {
			continue
		}
		if err := check(c, name.section, name.key); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	return errors.Join(mistakes...)
}
