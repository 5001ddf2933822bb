package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// ErrUnknown reports a bundle name that the configuration does not have.
var ErrUnknown = errors.New("not configured")

// Definition is one entry of [dag_processor] dag_bundle_config_list. Exactly one
// of Local and Git is set.
type Definition struct {
	Name  string
	Local *Local
	Git   *Git
}

// Local is a directory that is used as it is.
type Local struct {
	Path string `json:"path"` // absolute
}

// Git is a repository of which one commit is written out.
type Git struct {
	URL         string `json:"repo_url"`
	TrackingRef string `json:"tracking_ref"` // branch, tag, full reference or commit: what an unversioned run gets
	Subdir      string `json:"subdir"`       // the part of the tree that is the bundle; "" is all of it
	Connection  string `json:"git_conn_id"`  // only named in errors
}

// entry is one element of the list as Airflow writes it.
type entry struct {
	Name      string          `json:"name"`
	Classpath string          `json:"classpath"`
	Kwargs    json.RawMessage `json:"kwargs"`
}

// ParseDefinitions reads [dag_processor] dag_bundle_config_list. Entries of other
// classes than Airflow's local and git bundle are kept apart: asking for one of
// them is an error, having one configured is not. A local bundle without path
// is dagsFolder, [core] dags_folder.
func ParseDefinitions(list, dagsFolder string) (Definitions, error) {
	const key = "[dag_processor] dag_bundle_config_list"
	var entries []entry
	if err := json.Unmarshal([]byte(list), &entries); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	defs := Definitions{}
	for i, e := range entries {
		if e.Name == "" {
			return nil, fmt.Errorf("read %s: entry %d has no name", key, i)
		}
		if _, twice := defs[e.Name]; twice {
			return nil, fmt.Errorf("read %s: two bundles are named %q", key, e.Name)
		}
		def, err := e.definition(dagsFolder)
		defs[e.Name] = parsed{def, err}
	}
	return defs, nil
}

// Definitions are the configured bundles by name.
type Definitions map[string]parsed

type parsed struct {
	def Definition
	err error // why this one cannot be used
}

// Get returns the bundle with that name; the error wraps ErrUnknown if there is none.
func (d Definitions) Get(name string) (Definition, error) {
	p, ok := d[name]
	if !ok {
		return Definition{}, fmt.Errorf("bundle %q: %w in [dag_processor] dag_bundle_config_list", name, ErrUnknown)
	}
	if p.err != nil {
		return Definition{}, fmt.Errorf("bundle %q: %w", name, p.err)
	}
	return p.def, nil
}

func (e entry) definition(dagsFolder string) (Definition, error) {
	def := Definition{Name: e.Name}
	kwargs := e.Kwargs
	if len(kwargs) == 0 {
		kwargs = []byte("{}")
	}
	switch class := e.Classpath[strings.LastIndexByte(e.Classpath, '.')+1:]; class {
	case "LocalDagBundle":
		def.Local = &Local{Path: dagsFolder}
		if err := json.Unmarshal(kwargs, def.Local); err != nil {
			return def, fmt.Errorf("read kwargs: %w", err)
		}
		if !filepath.IsAbs(def.Local.Path) {
			return def, fmt.Errorf("path %q is not absolute", def.Local.Path)
		}
	case "GitDagBundle":
		def.Git = new(Git)
		if err := json.Unmarshal(kwargs, def.Git); err != nil {
			return def, fmt.Errorf("read kwargs: %w", err)
		}
		return def, def.Git.validate(kwargs)
	default:
		return def, fmt.Errorf("class %q is not supported, only LocalDagBundle and GitDagBundle are", e.Classpath)
	}
	return def, nil
}

func (g *Git) validate(kwargs []byte) error {
	if g.URL == "" {
		return errors.New("repo_url is missing; connections (git_conn_id) are not read")
	}
	if _, err := url.Parse(g.URL); err != nil && strings.Contains(g.URL, "://") {
		// Neither text nor error is shown: with a password that is not escaped both hold it.
		return errors.New("repo_url is no valid URL; special characters in a password have to be escaped (%23 for #)")
	}
	if g.TrackingRef == "" {
		return errors.New("tracking_ref is missing")
	}
	if g.Subdir != "" {
		g.Subdir = path.Clean(g.Subdir)
		if !filepath.IsLocal(g.Subdir) {
			return fmt.Errorf("subdir %q leaves the repository", g.Subdir)
		}
	}
	var unsupported struct {
		Submodules bool     `json:"submodules"`
		SparseDirs []string `json:"sparse_dirs"`
	}
	if err := json.Unmarshal(kwargs, &unsupported); err != nil {
		return fmt.Errorf("read kwargs: %w", err)
	}
	if unsupported.Submodules || len(unsupported.SparseDirs) > 0 {
		return errors.New("submodules and sparse_dirs are not supported")
	}
	return nil
}
