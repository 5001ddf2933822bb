// Package mutant reads scenarios/mutants/*.yaml: edits of the reference that
// make it wrong on purpose, each with the cases that must notice. The reference
// itself stays clean; an edit becomes a file of its own and an entry in the JSON
// that `go build -overlay` reads.
package mutant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/understudy-conformance/understudy/internal/glob"
	"github.com/understudy-conformance/understudy/protocol/release"
)

// Mutant is one wrong reference.
type Mutant struct {
	Name  string `yaml:"name"`  // the file's name without .yaml
	Says  string `yaml:"says"`  // what is wrong with it, one sentence
	Edits []Edit `yaml:"edits"` // applied together
	Red   []Red  `yaml:"red"`   // cases that must be violated, and where; every other case must hold

	// Manifest is by which the reference is played, from the root of the checkout. Without
	// it that is the built-in one, in which a fault that needs two tasks does not show.
	Manifest string `yaml:"manifest"`

	// Airflow is the release as which the reference is judged, in place of the manifest's.
	// Under one that is newer than the suite nobody can say whether what the mutant sends
	// is wrong: those cases are Unjudged, they must not be able to run.
	Airflow  string   `yaml:"airflow"`
	Unjudged []string `yaml:"unjudged"`
}

// Red is one line of what must be violated: cases, and clauses of them at one of which. In
// both * stands for any text. A line that names no clause is content with any, and with a
// violation that shows nothing of one: a control, or something that was awaited in vain.
type Red struct{ Cases, Clauses string }

// UnmarshalText reads "CASES CLAUSES", or "CASES".
func (r *Red) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) < 1 || len(words) > 2 {
		return fmt.Errorf("red %q: write a case, and a clause behind it", text)
	}
	*r = Red{Cases: words[0]}
	if len(words) == 2 {
		r.Clauses = words[1]
	}
	return nil
}

// Violation is what a run saw of a case.
type Violation struct {
	Case, Clause string
	Premise      bool // nothing was shown of the clause
}

func (v Violation) String() string {
	if v.Premise {
		return v.Case + " (before anything of " + v.Clause + " was shown)"
	}
	return v.Case + " (" + v.Clause + ")"
}

// fits says whether the line speaks of the violation.
func (r Red) fits(v Violation) bool {
	return glob.Match(r.Cases, v.Case) && (r.Clauses == "" || !v.Premise && glob.Match(r.Clauses, v.Clause))
}

// Edit replaces one piece of one file.
type Edit struct {
	File    string `yaml:"file"`    // from the root of the checkout
	Search  string `yaml:"search"`  // must occur exactly once
	Replace string `yaml:"replace"` // may be empty
}

// ErrStale marks an edit whose search text no longer occurs exactly once: the
// reference has moved on, and the mutant proves nothing until it is rewritten.
var ErrStale = errors.New("edit does not apply")

// Load reads all mutants of a folder, sorted by name. Unknown keys, missing
// parts and a name that differs from the file's are errors.
func Load(folder fs.FS) ([]Mutant, error) {
	files, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list mutants: %w", err)
	}
	slices.Sort(files)
	mutants := make([]Mutant, 0, len(files))
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("read mutant: %w", err)
		}
		m, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("mutant %s: %w", file, err)
		}
		if want := strings.TrimSuffix(file, ".yaml"); m.Name != want {
			return nil, fmt.Errorf("mutant %s: name is %q, want %q like the file", file, m.Name, want)
		}
		mutants = append(mutants, m)
	}
	return mutants, nil
}

func parse(text []byte) (Mutant, error) {
	var m Mutant
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		return m, err
	}
	switch {
	case m.Says == "":
		return m, errors.New("says is missing")
	case len(m.Edits) == 0:
		return m, errors.New("edits are missing")
	case m.Manifest != "" && !filepath.IsLocal(m.Manifest):
		return m, fmt.Errorf("manifest %s leads out of the checkout", m.Manifest)
	case len(m.Red)+len(m.Unjudged) == 0:
		return m, errors.New("red is empty: a mutant that no case notices proves nothing")
	}
	if _, err := release.Parse(m.Airflow); m.Airflow != "" && err != nil {
		return m, fmt.Errorf("airflow: %w", err)
	}
	for i, e := range m.Edits {
		if e.File == "" || e.Search == "" {
			return m, fmt.Errorf("edit %d: file or search is missing", i+1)
		}
	}
	return m, nil
}

// Overlay writes the edited files and overlay.json into dir and returns the
// path of the latter. Root is the checkout. Errors wrap ErrStale when an edit
// does not apply.
func (m Mutant) Overlay(root, dir string) (string, error) {
	edited := map[string][]byte{}
	for i, e := range m.Edits {
		path := filepath.Join(root, filepath.FromSlash(e.File))
		text, seen := edited[path]
		if !seen {
			var err error
			if text, err = os.ReadFile(path); err != nil {
				return "", fmt.Errorf("mutant %s, edit %d: %w", m.Name, i+1, err)
			}
		}
		if n := bytes.Count(text, []byte(e.Search)); n != 1 {
			return "", fmt.Errorf("mutant %s, edit %d: %w: search text occurs %d times in %s, want once", m.Name, i+1, ErrStale, n, e.File)
		}
		edited[path] = bytes.Replace(text, []byte(e.Search), []byte(e.Replace), 1)
	}
	replace := map[string]string{}
	for path, text := range edited {
		target := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return "", fmt.Errorf("write mutant %s: %w", m.Name, err)
		}
		replace[path] = target
	}
	overlay, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o644); err != nil {
		return "", fmt.Errorf("write overlay of mutant %s: %w", m.Name, err)
	}
	return path, nil
}

// Lists says whether the case is one that must not hold.
func (m Mutant) Lists(id string) bool {
	return slices.Contains(m.Unjudged, id) || slices.ContainsFunc(m.Red, func(r Red) bool { return glob.Match(r.Cases, id) })
}

// Judge compares what a run violated, and the cases that could not run, with those of the
// mutant. Played are all its cases. Missed should have been seen and was not; surprising
// was seen and stands in no line.
func (m Mutant) Judge(played []string, violated []Violation, unable []string) (missed, surprising []string) {
	for _, r := range m.Red {
		matching := slices.DeleteFunc(slices.Clone(played), func(id string) bool { return !glob.Match(r.Cases, id) })
		if len(matching) == 0 {
			missed = append(missed, r.Cases+" (no such case was played)")
		}
		for _, id := range matching {
			seen := slices.ContainsFunc(violated, func(v Violation) bool {
				return v.Case == id && slices.ContainsFunc(m.Red, func(other Red) bool { return other.fits(v) })
			})
			if line := strings.TrimSpace(id + " " + r.Clauses); !seen && !slices.Contains(missed, line) {
				missed = append(missed, line)
			}
		}
		used := slices.ContainsFunc(violated, r.fits)
		if len(matching) > 0 && !used && r.Clauses != "" && !slices.ContainsFunc(missed, func(line string) bool { return strings.HasSuffix(line, " "+r.Clauses) }) {
			missed = append(missed, r.Cases+" "+r.Clauses)
		}
	}
	for _, id := range m.Unjudged {
		if !slices.Contains(unable, id) {
			missed = append(missed, id)
		}
	}
	for _, v := range violated {
		if !slices.ContainsFunc(m.Red, func(r Red) bool { return r.fits(v) }) {
			surprising = append(surprising, v.String())
		}
	}
	for _, id := range unable {
		if !slices.Contains(m.Unjudged, id) {
			surprising = append(surprising, id)
		}
	}
	return missed, surprising
}
