package coordinator

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/protocol/message"
)

// maxManifest is the largest manifest, in bytes, that is read.
const maxManifest = 1 << 20

// Manifest says what is in a bundle. Keys it does not know are ignored, since
// later tools may add some.
type Manifest struct {
	Version string             `yaml:"airflow_bundle_metadata_version"` // of the specification, "1.0"
	SDK     SDK                `yaml:"sdk"`
	Source  string             `yaml:"source,omitempty"` // file name of the source
	Dags    map[string]DagInfo `yaml:"dags"`             // by dag id
}

// SDK names what the bundle was built with.
type SDK struct {
	Language string `yaml:"language"`
	Version  string `yaml:"version"`

	// Schema is the supervisor schema that the runtime speaks, such as
	// message.Schema20260616. Without one it speaks the newest.
	Schema string `yaml:"supervisor_schema_version,omitempty"`
}

// DagInfo lists the tasks of a Dag. Nothing is decided by it: the runtime knows
// better what it has.
type DagInfo struct {
	Tasks []string `yaml:"tasks"`
}

// ReadManifest reads the manifest of the bundle that f belongs to.
func (f Footer) ReadManifest(file io.ReaderAt) (Manifest, error) {
	size := f.FooterStart - f.MetadataStart
	if size > maxManifest {
		return Manifest{}, fmt.Errorf("read bundle manifest: longer than %d bytes", maxManifest)
	}
	text := make([]byte, size)
	if _, err := file.ReadAt(text, f.MetadataStart); err != nil {
		return Manifest{}, fmt.Errorf("read bundle manifest: %w", err)
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (Manifest, error) {
	if !utf8.Valid(text) {
		return Manifest{}, errors.New("read bundle manifest: it is not UTF-8")
	}
	// A list of tasks that is none must not keep the other Dags from running.
	var head struct {
		Version string         `yaml:"airflow_bundle_metadata_version"`
		SDK     SDK            `yaml:"sdk"`
		Source  string         `yaml:"source"`
		Dags    map[string]any `yaml:"dags"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return Manifest{}, fmt.Errorf("read bundle manifest: %w", err)
	}
	m := Manifest{Version: head.Version, SDK: head.SDK, Source: head.Source, Dags: map[string]DagInfo{}}
	for id, value := range head.Dags {
		var info DagInfo
		if fields, ok := value.(map[string]any); ok {
			list, _ := fields["tasks"].([]any)
			for _, task := range list {
				if name, ok := task.(string); ok {
					info.Tasks = append(info.Tasks, name)
				}
			}
		}
		m.Dags[id] = info
	}
	return m, nil
}

// schema returns the schema that the runtime speaks, or *message.UnknownSchemaError.
func (m Manifest) schema() (Schema, error) {
	s := Schema{version: m.SDK.Schema}
	_, err := message.AtSchema(&message.StartupDetails{}, s.version)
	return s, err
}
