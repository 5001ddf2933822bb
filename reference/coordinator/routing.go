package coordinator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Classpath is the only coordinator that this package is.
const Classpath = "airflow.sdk.coordinators.executable.ExecutableCoordinator"

// maxStartup bounds the time to start whatever is configured.
const maxStartup = time.Hour

// Routes says which queues have a coordinator. The zero value has none.
type Routes struct {
	coordinators map[string]definition
	queues       map[string]string
	startup      time.Duration
	home         string
}

type definition struct {
	Classpath string          `json:"classpath"`
	Kwargs    json.RawMessage `json:"kwargs"`
}

// Coordinator is one entry of [sdk] coordinators.
type Coordinator struct {
	Name    string
	Roots   []string      // executables_root: where bundles are, absolute
	Startup time.Duration // task_startup_timeout: from the start of a runtime to its connections
}

// ParseRoutes reads the options [sdk] coordinators and queue_to_coordinator, JSON
// objects both, or empty. startup is for coordinators that do not say how long a
// start may take, home stands for "~" in paths.
//
// As with Airflow, an entry is looked into when a queue needs it; only a queue that
// leads to no entry is an error at once.
func ParseRoutes(coordinators, queues string, startup time.Duration, home string) (Routes, error) {
	r := Routes{startup: startup, home: home}
	if err := decodeObject(coordinators, &r.coordinators); err != nil {
		return Routes{}, fmt.Errorf("setting [sdk] coordinators: %w", err)
	}
	for name, d := range r.coordinators {
		if d.Classpath == "" {
			return Routes{}, fmt.Errorf("setting [sdk] coordinators: entry %q has no classpath", name)
		}
	}
	if err := decodeObject(queues, &r.queues); err != nil {
		return Routes{}, fmt.Errorf("setting [sdk] queue_to_coordinator: %w", err)
	}
	for queue, name := range r.queues {
		if _, ok := r.coordinators[name]; !ok {
			return Routes{}, fmt.Errorf("setting [sdk] queue_to_coordinator: queue %q leads to coordinator %q, which [sdk] coordinators does not have", queue, name)
		}
	}
	return r, nil
}

// decodeObject reads one JSON object. An empty text is one without keys.
func decodeObject(text string, into any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("it is not the JSON object that Airflow expects: %w", err)
	}
	return nil
}

// For returns the coordinator of a queue, nil if the queue has none: its tasks are
// run the ordinary way.
func (r Routes) For(queue string) (*Coordinator, error) {
	name, routed := r.queues[queue]
	if !routed {
		return nil, nil
	}
	c, err := r.make(name)
	if err != nil {
		return nil, fmt.Errorf("setting [sdk] coordinators: entry %q, which queue %q leads to: %w", name, queue, err)
	}
	return c, nil
}

func (r Routes) make(name string) (*Coordinator, error) {
	d := r.coordinators[name]
	if d.Classpath != Classpath {
		return nil, fmt.Errorf("there is no coordinator %q here, only %s", d.Classpath, Classpath)
	}
	var kwargs struct {
		Root    roots        `json:"executables_root"`
		Startup *json.Number `json:"task_startup_timeout"`
	}
	if len(d.Kwargs) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(d.Kwargs))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&kwargs); err != nil {
			return nil, fmt.Errorf("kwargs: %w", err)
		}
	}
	if len(kwargs.Root) == 0 {
		return nil, errors.New("kwargs: executables_root is missing or empty")
	}
	c := &Coordinator{Name: name, Startup: r.startup}
	for _, root := range kwargs.Root {
		path, err := r.absolute(root)
		if err != nil {
			return nil, fmt.Errorf("kwargs: executables_root: %w", err)
		}
		c.Roots = append(c.Roots, path)
	}
	if kwargs.Startup != nil {
		seconds, err := kwargs.Startup.Float64()
		if err != nil || !(seconds > 0 && seconds <= maxStartup.Seconds()) {
			return nil, fmt.Errorf("kwargs: task_startup_timeout: %s is not a number of seconds above 0 and up to %.0f", *kwargs.Startup, maxStartup.Seconds())
		}
		c.Startup = time.Duration(seconds * float64(time.Second))
	}
	return c, nil
}

func (r Routes) absolute(path string) (string, error) {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if !filepath.IsAbs(r.home) {
			return "", fmt.Errorf("%q: the worker's home is not known", path)
		}
		path = filepath.Join(r.home, path[1:])
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is not an absolute path", path)
	}
	return filepath.Clean(path), nil
}

// roots is a string or a list of strings.
type roots []string

func (r *roots) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		if one != "" {
			*r = roots{one}
		}
		return nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return errors.New("executables_root is neither a path nor a list of paths")
	}
	*r = list
	return nil
}
