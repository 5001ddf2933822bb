package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/config"
)

// bundleEntry is one element of [dag_processor] dag_bundle_config_list.
type bundleEntry struct {
	Name      string `json:"name"`
	Classpath string `json:"classpath"`
	Kwargs    struct {
		Path   string `json:"path"`
		Subdir string `json:"subdir"`
	} `json:"kwargs"`
}

const (
	digits  = "0123456789"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// consistsOf reports whether text has nothing but characters of allowed. Compiled
// expressions would cost every start of a runner their time.
func consistsOf(text, allowed string) bool { return strings.Trim(text, allowed) == "" }

// isCommit reports whether text is a full commit id.
func isCommit(text string) bool { return len(text) == 40 && consistsOf(text, digits+"abcdef") }

// isPlainName reports whether a bundle of that name lies under it in the storage.
func isPlainName(name string) bool {
	return name != "" && !strings.ContainsAny(name[:1], ".-") && consistsOf(name, letters+digits+"_.-")
}

// locate returns the directory of the bundle and the path of the Dag file in it.
// Nothing is looked at yet, let alone prepared: that is the supervisor's task.
func locate(c *config.Config, details *message.StartupDetails) (root, dagFile string, err error) {
	info := details.BundleInfo
	entry, err := findBundle(c, info.Name)
	if err != nil {
		return "", "", err
	}
	switch class := entry.Classpath[strings.LastIndexByte(entry.Classpath, '.')+1:]; class {
	case "LocalDagBundle":
		root = entry.Kwargs.Path
		if root == "" {
			if root, _, err = c.Lookup("core", "dags_folder"); err != nil {
				return "", "", fmt.Errorf("bundle %q: %w", info.Name, err)
			}
		}
	case "GitDagBundle":
		if root, err = preparedVersion(c, entry, info); err != nil {
			return "", "", fmt.Errorf("bundle %q: %w", info.Name, err)
		}
	default:
		return "", "", fmt.Errorf("bundle %q: class %q is not supported, only LocalDagBundle and GitDagBundle are", info.Name, entry.Classpath)
	}
	if !filepath.IsAbs(root) {
		return "", "", fmt.Errorf("bundle %q: path %q is not absolute", info.Name, root)
	}
	if !filepath.IsLocal(details.DagRelPath) {
		return "", "", fmt.Errorf("bundle %q: Dag file %q is not below the bundle", info.Name, details.DagRelPath)
	}
	return root, filepath.Join(root, details.DagRelPath), nil
}

func findBundle(c *config.Config, name string) (bundleEntry, error) {
	list, source, err := c.Lookup("dag_processor", "dag_bundle_config_list")
	if err != nil {
		return bundleEntry{}, fmt.Errorf("bundle %q: %w", name, err)
	}
	var entries []bundleEntry
	if err := json.Unmarshal([]byte(list), &entries); err != nil {
		return bundleEntry{}, fmt.Errorf("bundle %q: read [dag_processor] dag_bundle_config_list (from %s): %w", name, source, err)
	}
	for _, entry := range entries {
		if entry.Name == name {
			return entry, nil
		}
	}
	return bundleEntry{}, fmt.Errorf("bundle %q is not configured in [dag_processor] dag_bundle_config_list (from %s)", name, source)
}

// preparedVersion returns the directory where the reference supervisor puts a
// version, see package bundle.
func preparedVersion(c *config.Config, entry bundleEntry, info message.BundleInfo) (string, error) {
	storage, _, err := c.Lookup("dag_processor", "dag_bundle_storage_path")
	if err != nil {
		return "", err
	}
	version := message.Or(info.Version, "")
	switch {
	case version == "":
		return "", errors.New("a git bundle needs a version: the supervisor names the one that it has prepared")
	case !isCommit(version):
		return "", fmt.Errorf("version %q is no commit id", version)
	case !isPlainName(entry.Name):
		return "", errors.New("the name of a git bundle may hold letters, digits, '_', '-' and '.' only")
	case !filepath.IsLocal(filepath.Join(".", entry.Kwargs.Subdir)):
		return "", fmt.Errorf("subdir %q leaves the repository", entry.Kwargs.Subdir)
	}
	return filepath.Join(storage, entry.Name, "versions", version, entry.Kwargs.Subdir), nil
}
