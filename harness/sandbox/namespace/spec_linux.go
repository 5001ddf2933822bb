package namespace

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/understudy-conformance/understudy/harness/wall"
)

// SpecFD is the descriptor on which "understudy-worker sandbox" finds its Spec.
const SpecFD = 3

// Spec says what the inner half mounts. Paths of sources are those of the mount
// namespace that it was started in; targets are below the new root.
type Spec struct {
	Lower    []string    `json:"lower"`              // directories of the root, topmost first
	Writable bool        `json:"writable,omitempty"` // the only Lower is the root itself, changes go into it
	Upper    string      `json:"upper,omitempty"`    // holds "upper" and "work", for changes that are to be kept; "" for a tmpfs
	Scratch  string      `json:"scratch"`            // an existing directory to mount that tmpfs on
	Tmpfs    []Tmpfs     `json:"tmpfs,omitempty"`    // empty directories that cover what the root has there
	Binds    []Bind      `json:"binds,omitempty"`
	Files    []File      `json:"files,omitempty"` // written after the binds, replacing what is there
	Cover    bool        `json:"cover,omitempty"` // the root is the machine's: only the operating system's folders are seen of it
	Hostname string      `json:"hostname"`
	Argv     []string    `json:"argv"` // is executed with Env, behind the wall
	Env      []string    `json:"env,omitempty"`
	Inside   wall.Inside `json:"inside"`            // what Argv is
	Trusted  bool        `json:"trusted,omitempty"` // Argv is our own script, which has to mount and make device nodes: no wall
}

// Tmpfs is an empty file system in memory, owned by root.
type Tmpfs struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"` // permission bits with sticky bit, as mount(8) takes them
}

// Bind shows a file or folder of outside inside.
type Bind struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitempty"`
}

// File is a small text file, mode 0644, owned by root.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// ReadSpec reads the Spec from SpecFD to its end and closes the descriptor.
func ReadSpec() (Spec, error) {
	f := os.NewFile(SpecFD, "sandbox spec")
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return Spec{}, fmt.Errorf("read sandbox spec from descriptor %d: %w", SpecFD, err)
	}
	var spec Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return Spec{}, fmt.Errorf("sandbox spec of %d bytes: %w", len(text), err)
	}
	return spec, nil
}
