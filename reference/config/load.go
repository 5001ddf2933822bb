package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// Config answers what value an option has, and where it came from. It does not
// change after Load and is safe for concurrent use.
type Config struct {
	environ  map[string]string // the whole environment, for ~ and $NAME
	options  map[string]string // "section.key" from AIRFLOW__SECTION__KEY
	file     sections
	path     string // of airflow.cfg, also when it does not exist
	defaults map[string]string
	given    string // where options came from, if not from the environment
}

// UnreadableError reports a configuration file that is there, or may be there,
// and cannot be read by the user that asked.
type UnreadableError struct {
	Path string
	User string // "airflow (uid 61001)"
	Err  error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("configuration file %s cannot be read by user %s: %v", e.Path, e.User, e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

// Load reads the environment given as "NAME=value" entries and the
// configuration file it leads to.
//
// A missing file is no error. A file that cannot be read gives *UnreadableError,
// and one that Python would refuse *SyntaxError.
func Load(environ []string) (*Config, error) {
	c := &Config{environ: map[string]string{}, options: map[string]string{}}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			continue
		}
		c.environ[name] = value
		if section, key, ok := optionOf(name); ok {
			c.options[section+"."+key] = value
		}
	}
	home := c.airflowHome()
	c.defaults = defaults(home)
	c.path = c.environ["AIRFLOW_CONFIG"]
	if c.path == "" {
		c.path = filepath.Join(home, "airflow.cfg")
	}
	c.path = expand(c.path, c.environ)

	text, err := os.ReadFile(c.path)
	switch {
	case err == nil:
		c.file, err = parse(c.path, string(text))
		return c, err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return c, nil
	default:
		return nil, &UnreadableError{Path: c.path, User: currentUser(), Err: errors.Unwrap(err)}
	}
}

// FromSettings returns a Config with exactly the options of settings, as All
// returned them in another process. It reads neither environment nor file.
func FromSettings(settings map[string]string) *Config {
	return &Config{options: settings, given: "the settings of the worker"}
}

// optionOf splits AIRFLOW__SECTION__KEY.
func optionOf(name string) (section, key string, ok bool) {
	rest, ok := strings.CutPrefix(name, "AIRFLOW__")
	if !ok {
		return "", "", false
	}
	section, key, ok = strings.Cut(rest, "__")
	if !ok || section == "" || key == "" {
		return "", "", false
	}
	return strings.ToLower(section), strings.ToLower(key), true
}

func (c *Config) airflowHome() string {
	if home := c.environ["AIRFLOW_HOME"]; home != "" {
		return expand(home, c.environ)
	}
	if c.environ["HOME"] == "" {
		if account, err := impersonate.LookupUID(context.Background(), os.Geteuid()); err == nil {
			c.environ["HOME"] = account.Home
		}
	}
	return filepath.Join(c.environ["HOME"], "airflow")
}

func currentUser() string {
	uid := os.Geteuid()
	account, err := impersonate.LookupUID(context.Background(), uid)
	if err != nil {
		return fmt.Sprintf("with uid %d", uid)
	}
	return fmt.Sprintf("%s (uid %d)", account.Name, uid)
}
