package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// commandTimeout is how long a command that supplies an option may take.
const commandTimeout = 30 * time.Second

// ErrUnset is wrapped by the typed getters when an option has no value.
var ErrUnset = errors.New("not set and without default")

// ValueError reports an option whose value is of no use, and where it stands.
type ValueError struct {
	Section, Key string
	Source       string // "AIRFLOW__WORKERS__MISSING_DAG_RETRIES", "/x/airflow.cfg"
	Err          error
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("setting [%s] %s (from %s): %v", e.Section, e.Key, e.Source, e.Err)
}

func (e *ValueError) Unwrap() error { return e.Err }

// Get returns the value of an option; ok is false where it has none, or none
// that can be had. Lookup tells the two apart.
func (c *Config) Get(section, key string) (value string, ok bool) {
	value, _, err := c.Lookup(section, key)
	return value, err == nil
}

// Lookup returns the value of an option and where it comes from. The error
// wraps ErrUnset if it has none, and is *ValueError if it has one that cannot
// be had: a command failed, an interpolation names nothing, a secrets backend
// would have to be asked.
func (c *Config) Lookup(section, key string) (value, source string, err error) {
	section, key = strings.ToLower(section), strings.ToLower(key)
	variable := strings.ToUpper("AIRFLOW__" + section + "__" + key)
	if value, ok := c.options[section+"."+key]; ok {
		if c.given != "" {
			return value, c.given, nil
		}
		return expand(value, c.environ), variable, nil
	}
	if command, ok := c.supplied(section, key, "_cmd"); ok {
		return c.run(section, key, variable+"_CMD", command)
	}
	if _, ok := c.supplied(section, key, "_secret"); ok {
		return "", variable + "_SECRET", noBackend(section, key, variable+"_SECRET")
	}
	if raw, ok := c.file.raw(section, key); ok {
		value, err := c.file.interpolate(section, raw, 0)
		if err != nil {
			return "", c.path, &ValueError{Section: section, Key: key, Source: c.path, Err: err}
		}
		return expand(value, c.environ), c.path, nil
	}
	if Sensitive(section, key) {
		if command, ok := c.file.raw(section, key+"_cmd"); ok {
			return c.run(section, key, c.path, command)
		}
		if _, ok := c.file.raw(section, key+"_secret"); ok {
			return "", c.path, noBackend(section, key, c.path)
		}
	}
	if value, ok := c.defaults[section+"."+key]; ok {
		return value, "default", nil
	}
	return "", "", fmt.Errorf("setting [%s] %s: %w", section, key, ErrUnset)
}

// supplied returns AIRFLOW__SECTION__KEY_CMD or _SECRET of a sensitive option.
func (c *Config) supplied(section, key, ending string) (string, bool) {
	if !Sensitive(section, key) {
		return "", false
	}
	value, ok := c.options[section+"."+key+ending]
	return value, ok
}

func noBackend(section, key, source string) error {
	return &ValueError{Section: section, Key: key, Source: source,
		Err: errors.New("values from a secrets backend are not supported; set the option itself or a _CMD")}
}

// run returns the output of a command. What the command wrote to its standard
// error is not repeated: it may hold the secret.
func (c *Config) run(section, key, source, command string) (string, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	argv, err := splitCommand(command)
	if err == nil && len(argv) == 0 {
		err = errors.New("empty command")
	}
	var output bytes.Buffer
	if err == nil {
		process := exec.CommandContext(ctx, argv[0], argv[1:]...)
		process.Stdout = &output
		process.WaitDelay = time.Second
		err = process.Run()
	}
	if err != nil {
		return "", source, &ValueError{Section: section, Key: key, Source: source, Err: fmt.Errorf("run its command: %w", err)}
	}
	return output.String(), source, nil
}

// Int returns an option as a whole number.
func (c *Config) Int(section, key string) (int, error) {
	return convert(c, section, key, "a whole number", func(text string) (int, error) {
		return strconv.Atoi(text)
	})
}

// Seconds returns an option that counts seconds, whole or not, as a duration
// that is not negative.
func (c *Config) Seconds(section, key string) (time.Duration, error) {
	return convert(c, section, key, "a number of seconds from 0 to 1e9", func(text string) (time.Duration, error) {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0 && seconds <= 1e9) {
			return 0, strconv.ErrRange
		}
		return time.Duration(seconds * float64(time.Second)), nil
	})
}

// Bool returns an option as Airflow reads truth values: t, true, 1, f, false, 0
// in any case.
func (c *Config) Bool(section, key string) (bool, error) {
	return convert(c, section, key, "a truth value", func(text string) (bool, error) {
		switch strings.ToLower(text) {
		case "t", "true", "1":
			return true, nil
		case "f", "false", "0":
			return false, nil
		}
		return false, strconv.ErrSyntax
	})
}

// Mode returns an option that holds permission bits in octal, such as 0022.
func (c *Config) Mode(section, key string) (uint32, error) {
	return convert(c, section, key, "an octal number up to 0777", func(text string) (uint32, error) {
		bits, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 32)
		if err == nil && bits > 0o777 {
			err = strconv.ErrRange
		}
		return uint32(bits), err
	})
}

func convert[T any](c *Config, section, key, wanted string, parse func(string) (T, error)) (T, error) {
	var none T
	text, source, err := c.Lookup(section, key)
	if err != nil {
		return none, err
	}
	value, err := parse(strings.TrimSpace(text))
	if err != nil {
		return none, &ValueError{Section: section, Key: key, Source: source, Err: fmt.Errorf("%q is not %s", text, wanted)}
	}
	return value, nil
}

// All returns every option that has a value, as "section.key", for a process
// that cannot read the environment and the file itself. Sensitive options are
// left out, and so are options whose value cannot be had.
func (c *Config) All() map[string]string {
	all := map[string]string{}
	for _, name := range c.names() {
		if _, supplies := suppliedFor(name.section, name.key); supplies || Sensitive(name.section, name.key) {
			continue
		}
		if value, ok := c.Get(name.section, name.key); ok {
			all[name.section+"."+name.key] = value
		}
	}
	return all
}

// option is the name of one. Both parts may hold dots.
type option struct{ section, key string }

// split takes "section.key" apart, where nothing else is known of it.
func split(name string) option {
	i := strings.LastIndexByte(name, '.')
	return option{name[:i], name[i+1:]}
}

// names returns every option mentioned anywhere, sorted.
func (c *Config) names() []option {
	seen := map[string]option{}
	for name := range c.options {
		seen[name] = split(name)
	}
	for name := range c.defaults {
		seen[name] = split(name)
	}
	for section, options := range c.file {
		if section == defaultSection {
			continue
		}
		for _, from := range []map[string]string{options, c.file[defaultSection]} {
			for key := range from {
				seen[section+"."+key] = option{section, key}
			}
		}
	}
	names := make([]option, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		names = append(names, seen[name])
	}
	return names
}
