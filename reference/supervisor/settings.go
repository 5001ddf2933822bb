package supervisor

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/config"
	"github.com/understudy-conformance/understudy/reference/coordinator"
	"github.com/understudy-conformance/understudy/reference/supervisor/api"
)

// Settings are the options that the supervisor reads, checked.
type Settings struct {
	API api.Settings // [core] execution_api_server_url, [workers] execution_api_timeout, _retries, _retry_wait_min, _retry_wait_max

	HeartbeatInterval   time.Duration // [workers] min_heartbeat_interval
	MaxFailedHeartbeats int           // [workers] max_failed_heartbeats
	SocketCleanup       time.Duration // [workers] socket_cleanup_timeout
	Overtime            time.Duration // [core] task_success_overtime
	KillStep            time.Duration // [understudy] kill_step
	MaxFrame            uint32        // [understudy] max_frame_bytes
	MaxTasks            int           // [understudy] serve_max_tasks: that a server runs at once

	DefaultUser     string   // [core] default_impersonation
	AllowRoot       bool     // [understudy] allow_root
	PassEnvironment []string // [understudy] pass_environment: names that may cross a switch

	Bundles       bundle.Definitions // [dag_processor] dag_bundle_config_list
	BundleStorage string             // [dag_processor] dag_bundle_storage_path

	Routes coordinator.Routes // [sdk] coordinators, queue_to_coordinator, task_startup_timeout

	LogFolder      string   // [logging] base_log_folder
	MinSecret      int      // [logging] min_length_masked_secret
	SensitiveNames []string // [core] sensitive_var_conn_names, in addition to Airflow's list

	All map[string]string // every option that may leave this process, as "section.key"
}

// fallbacks are the defaults, Airflow's unless in [understudy], of options that
// package config has none for.
var fallbacks = map[string]string{
	"workers.execution_api_timeout":        "5",
	"workers.execution_api_retries":        "5",
	"workers.execution_api_retry_wait_min": "1",
	"workers.execution_api_retry_wait_max": "90",
	"logging.min_length_masked_secret":     "5",
	"understudy.serve_max_tasks":           "128",
}

// maxRetryWait bounds the pause between two attempts whatever is configured: the
// task waits meanwhile.
const maxRetryWait = 10 * time.Second

// LoadSettings reads the options from the environment and airflow.cfg. The error
// names every option that cannot be used, not only the first.
func LoadSettings(environ []string) (Settings, error) {
	c, err := config.Load(environ)
	if err != nil {
		return Settings{}, err
	}
	l := loader{c: c}
	l.fail(c.Validate())
	s := Settings{
		API: api.Settings{
			URL:        l.url(),
			Timeout:    l.seconds("workers", "execution_api_timeout", positive),
			Attempts:   l.int("workers", "execution_api_retries", 1, 100),
			RetryFirst: l.seconds("workers", "execution_api_retry_wait_min", 0),
			RetryMax:   min(maxRetryWait, l.seconds("workers", "execution_api_retry_wait_max", 0)),
		},
		HeartbeatInterval:   l.seconds("workers", "min_heartbeat_interval", positive),
		MaxFailedHeartbeats: l.int("workers", "max_failed_heartbeats", 1, 1_000_000),
		SocketCleanup:       l.seconds("workers", "socket_cleanup_timeout", 0),
		Overtime:            l.seconds("core", "task_success_overtime", 0),
		KillStep:            l.seconds("understudy", "kill_step", 0),
		MaxFrame:            uint32(l.int("understudy", "max_frame_bytes", frame.HeaderSize, 1<<32-1)),
		MaxTasks:            l.int("understudy", "serve_max_tasks", 1, 10_000),
		DefaultUser:         l.exact("core", "default_impersonation"),
		AllowRoot:           l.bool("understudy", "allow_root"),
		PassEnvironment:     words(l.text("understudy", "pass_environment")),
		BundleStorage:       l.text("dag_processor", "dag_bundle_storage_path"),
		LogFolder:           l.text("logging", "base_log_folder"),
		MinSecret:           l.int("logging", "min_length_masked_secret", 0, 1<<20),
		SensitiveNames:      words(l.text("core", "sensitive_var_conn_names")),
	}
	if s.BundleStorage == "" {
		s.BundleStorage = filepath.Join(os.TempDir(), "airflow", "dag_bundles")
	}
	if !filepath.IsAbs(s.LogFolder) {
		l.fail(fmt.Errorf("setting [logging] base_log_folder: %q is not an absolute path", s.LogFolder))
	}
	s.Bundles, err = bundle.ParseDefinitions(l.text("dag_processor", "dag_bundle_config_list"), l.text("core", "dags_folder"))
	l.fail(err)
	s.Routes, err = l.routes(environ)
	l.fail(err)
	s.All = c.All()
	return s, errors.Join(l.faults...)
}

// positive as lower bound means "more than zero".
const positive = time.Nanosecond

// loader reads options and collects what is wrong with them.
type loader struct {
	c      *config.Config
	faults []error
}

func (l *loader) fail(err error) {
	if err != nil {
		l.faults = append(l.faults, err)
	}
}

// judge notes an error of a typed getter, unless Validate noted it before.
func (l *loader) judge(err error) {
	if err == nil || slices.ContainsFunc(l.faults, func(f error) bool { return strings.Contains(f.Error(), err.Error()) }) {
		return
	}
	l.fail(err)
}

// source is where an option is read from: the configuration, or Airflow's
// default if it has no value there.
func (l *loader) source(section, key string) *config.Config {
	name := section + "." + key
	if fallback, ok := fallbacks[name]; ok {
		if _, _, err := l.c.Lookup(section, key); errors.Is(err, config.ErrUnset) {
			return config.FromSettings(map[string]string{name: fallback})
		}
	}
	return l.c
}

func (l *loader) text(section, key string) string {
	return strings.TrimSpace(l.exact(section, key))
}

// exact is text with blanks at its ends: the name of a user that has them is refused
// (IMP-027), and not made into the name of another one.
func (l *loader) exact(section, key string) string {
	value, _, err := l.c.Lookup(section, key)
	if err != nil && !errors.Is(err, config.ErrUnset) {
		l.fail(err)
	}
	return value
}

func (l *loader) bool(section, key string) bool {
	value, err := l.c.Bool(section, key)
	l.judge(err)
	return value
}

func (l *loader) int(section, key string, least, most int) int {
	value, err := l.source(section, key).Int(section, key)
	if err == nil && (value < least || value > most) {
		l.fail(fmt.Errorf("setting [%s] %s: %d is not between %d and %d", section, key, value, least, most))
	}
	l.judge(err)
	return value
}

func (l *loader) seconds(section, key string, least time.Duration) time.Duration {
	value, err := l.source(section, key).Seconds(section, key)
	if err == nil && value < least {
		l.fail(fmt.Errorf("setting [%s] %s: must be more than 0", section, key))
	}
	l.judge(err)
	return value
}

// url reads the address of the Execution API. Its path ends without a slash.
func (l *loader) url() *url.URL {
	const name = "setting [core] execution_api_server_url"
	text := l.text("core", "execution_api_server_url")
	if text == "" {
		l.fail(fmt.Errorf("%s is not set; it looks like http://api-server:8080/execution/", name))
		return nil
	}
	u, err := url.Parse(text)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
		err = fmt.Errorf("%q is no http or https URL with a host", u.Redacted())
	}
	if err != nil {
		l.fail(fmt.Errorf("%s: %w", name, err))
		return nil
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = strings.TrimRight(u.Path, "/"), "", "", ""
	return u
}

// routes reads which queues are for tasks of other languages.
func (l *loader) routes(environ []string) (coordinator.Routes, error) {
	var home string
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, "HOME="); ok {
			home = value
		}
	}
	startup := l.seconds("sdk", "task_startup_timeout", positive)
	return coordinator.ParseRoutes(l.text("sdk", "coordinators"), l.text("sdk", "queue_to_coordinator"), startup, home)
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}
