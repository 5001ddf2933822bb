// Package catalogue holds the requirements that the suite can verify. They are
// data, one YAML file an area. What stands here reads them strictly, from the
// folder that it is given (commands give scenarios.Catalogue), and answers
// questions about them.
package catalogue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// areas fixes the order of the areas in every report.
var areas = []struct{ name, prefix, title string }{
	{"wire", "WIRE", "Wire"},
	{"messages", "MSG", "Messages"},
	{"lifecycle", "LIFE", "Life cycle"},
	{"impersonation", "IMP", "Impersonation"},
	{"security", "SEC", "Security"},
	{"logs", "LOG", "Logs"},
	{"bundles", "BND", "Bundles"},
	{"config", "CFG", "Configuration"},
	{"schema", "SCH", "Schema versions"},
	{"language", "LANG", "Language runtimes"},
}

// Catalogue is the whole set, read once and not changed afterwards.
type Catalogue struct {
	areas   []Area
	byID    map[string]*Requirement
	version string
}

// Read reads a catalogue from a folder with one file for each known area.
// Unknown keys, doubled keys and every broken rule of Requirement are errors;
// all of them are reported together.
func Read(folder fs.FS) (*Catalogue, error) {
	c := &Catalogue{byID: map[string]*Requirement{}}
	known := map[string]bool{}
	sum := sha256.New()
	var problems []error
	for _, a := range areas {
		file := a.name + ".yaml"
		known[file] = true
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			problems = append(problems, fmt.Errorf("catalogue: area %s needs a file with its requirements: %w", a.name, err))
			continue
		}
		fmt.Fprintf(sum, "%s %d\n", file, len(text))
		sum.Write(text)
		requirements, err := parse(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("catalogue %s: %w", file, err))
			continue
		}
		for _, r := range requirements {
			r.Area = a.name
			if err := check(r, a.prefix); err != nil {
				problems = append(problems, fmt.Errorf("catalogue %s: %w", file, err))
			}
			r.cut()
			if c.byID[r.ID] != nil {
				problems = append(problems, fmt.Errorf("catalogue %s: %s stands there twice", file, r.ID))
			}
			c.byID[r.ID] = r
		}
		c.areas = append(c.areas, Area{Name: a.name, Prefix: a.prefix, Title: a.title, Requirements: requirements})
	}
	problems = append(problems, strangers(folder, known)...)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c.version = hex.EncodeToString(sum.Sum(nil))[:12]
	return c, nil
}

// strangers reports files that no area would read: a typing error would
// otherwise make a whole area vanish.
func strangers(folder fs.FS, known map[string]bool) []error {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return []error{fmt.Errorf("list catalogue: %w", err)}
	}
	var problems []error
	for _, e := range entries {
		if !known[e.Name()] {
			problems = append(problems, fmt.Errorf("catalogue: %s belongs to no area: correct its name, or add the area to areas in harness/catalogue/catalogue.go", e.Name()))
		}
	}
	return problems
}

func parse(text []byte) ([]*Requirement, error) {
	var list []*Requirement
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second YAML document follows the first")
	}
	if len(list) == 0 {
		return nil, errors.New("no requirement in it")
	}
	if slices.Contains(list, nil) {
		return nil, errors.New("an empty entry")
	}
	return list, nil
}

// Version names the content of the catalogue: 12 hexadecimal digits.
func (c *Catalogue) Version() string { return c.version }

// Areas lists the areas in the order of reports. The caller must not change them.
func (c *Catalogue) Areas() []Area { return c.areas }

// Area finds an area by its name.
func (c *Catalogue) Area(name string) (Area, bool) {
	i := slices.IndexFunc(c.areas, func(a Area) bool { return a.Name == name })
	if i < 0 {
		return Area{}, false
	}
	return c.areas[i], true
}

// All lists the requirements in the order of reports.
func (c *Catalogue) All() []*Requirement {
	all := make([]*Requirement, 0, len(c.byID))
	for _, a := range c.areas {
		all = append(all, a.Requirements...)
	}
	return all
}

// Get finds a requirement by its id.
func (c *Catalogue) Get(id string) (*Requirement, bool) {
	r, ok := c.byID[id]
	return r, ok
}

// Clause finds a clause by its id, with its requirement.
func (c *Catalogue) Clause(id string) (*Requirement, Clause, bool) {
	r, known := c.byID[Of(id)]
	if !known {
		return nil, Clause{}, false
	}
	i := slices.IndexFunc(r.Clauses, func(part Clause) bool { return part.ID == id })
	if i < 0 {
		return r, Clause{}, false
	}
	return r, r.Clauses[i], true
}

// UnknownError is a requirement id that does not exist.
type UnknownError struct {
	ID      string
	Nearest []string // ids that were perhaps meant, best first
}

func (e *UnknownError) Error() string {
	if len(e.Nearest) == 0 {
		return fmt.Sprintf("no requirement %q", e.ID)
	}
	return fmt.Sprintf("no requirement %q; did you mean %s?", e.ID, strings.Join(e.Nearest, ", "))
}

// Find is Get with an *UnknownError that suggests what was perhaps meant.
func (c *Catalogue) Find(id string) (*Requirement, error) {
	if r, ok := c.byID[id]; ok {
		return r, nil
	}
	return nil, &UnknownError{ID: id, Nearest: c.Nearest(id)}
}
