package implementation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// Filename is the name by which a manifest is found in its folder.
const Filename = "implementation.yaml"

// maxSize bounds a manifest, in octets.
const maxSize = 1 << 20

// Invalid is the error for a manifest that cannot be used: one Problem or more,
// in the order of the file.
type Invalid struct {
	Path     string
	Problems []Problem
}

// Problem is one mistake in a manifest.
type Problem struct {
	Line   int    // 0 when the file as a whole is meant
	Where  string // "roles.runner.channel"; "" for the whole
	What   string
	Remedy string
}

// Error prints one line a problem: "FILE:LINE: WHERE: WHAT: REMEDY".
func (e *Invalid) Error() string {
	var text bytes.Buffer
	for i, p := range e.Problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(e.Path)
		if p.Line > 0 {
			fmt.Fprintf(&text, ":%d", p.Line)
		}
		if p.Where != "" {
			fmt.Fprintf(&text, ": %s", p.Where)
		}
		fmt.Fprintf(&text, ": %s: %s", p.What, p.Remedy)
	}
	return text.String()
}

// Load reads the manifest at path, a file or the folder that holds
// implementation.yaml, and checks all that can be known without a sandbox. A
// manifest that cannot be used gives an *Invalid.
func Load(path string) (Manifest, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Manifest{}, &Invalid{Path: path, Problems: []Problem{{
			What: reason(err), Remedy: "give the path of an implementation.yaml, or of the folder that holds it"}}}
	}
	if info.IsDir() {
		path = filepath.Join(path, Filename)
	}
	// A link is the user's own; what it leads to has to be a file that ends.
	text, err := safefile.Read(path, maxSize)
	var problem Problem
	switch {
	case errors.Is(err, safefile.ErrTooLarge):
		problem = Problem{What: fmt.Sprintf("more than %d octets", maxSize), Remedy: "a manifest is a page of text"}
	case errors.Is(err, safefile.ErrNotRegular):
		problem = Problem{What: strings.TrimPrefix(err.Error(), path+" "), Remedy: "give the path of a file, or of the folder that holds it"}
	case err != nil:
		problem = Problem{What: reason(err), Remedy: "write one there; images/reference has an example"}
	}
	if err != nil {
		return Manifest{}, &Invalid{Path: path, Problems: []Problem{problem}}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Manifest{}, fmt.Errorf("find the folder of manifest %s: %w", path, err)
	}
	return parse(path, dir, text)
}

// reason is the operating system's reason without the path, which stands before it already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func parse(path, dir string, text []byte) (Manifest, error) {
	invalid := func(problems ...Problem) (Manifest, error) {
		return Manifest{}, &Invalid{Path: path, Problems: problems}
	}
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&root); err != nil {
		return invalid(Problem{What: "is no YAML: " + syntaxError(err), Remedy: "docs/contract.md shows a manifest"})
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return invalid(Problem{What: "a second YAML document follows the first", Remedy: "remove the line --- and what follows"})
	}
	var value any
	if err := root.Decode(&value); err != nil {
		return invalid(Problem{What: "is no YAML: " + syntaxError(err), Remedy: "docs/contract.md shows a manifest"})
	}
	places := &places{root: &root}
	if problems := conform(value, places); len(problems) > 0 {
		return invalid(problems...)
	}
	m := Manifest{Dir: dir}
	if err := recast(value, &m); err != nil {
		return Manifest{}, fmt.Errorf("read manifest %s: the schema allows what the type Manifest does not: %w", path, err)
	}
	if problems := m.check(places); len(problems) > 0 {
		return invalid(problems...)
	}
	return m, nil
}

func syntaxError(err error) string {
	if err == io.EOF {
		return "it is empty"
	}
	return err.Error()
}

// recast turns what YAML gave into the type, by way of JSON.
func recast(value any, into *Manifest) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// Plays lists the roles in which the implementation can be put under test, in the
// order of role.All.
func (m Manifest) Plays() []role.Role {
	return slices.DeleteFunc(role.All(), func(r role.Role) bool {
		_, plays := m.Roles[r]
		return !plays
	})
}

// Has reports whether the implementation declares the capability.
func (m Manifest) Has(capability string) bool { return slices.Contains(m.Capabilities, capability) }
