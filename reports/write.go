// Package reports writes what a run found: index.html for people, result.json for
// programs and junit.xml for CI systems, all from one verdict.Model. The console
// is in a package of its own, as it begins before there is a model.
package reports

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/html"
	"github.com/understudy-conformance/understudy/reports/junit"
	"github.com/understudy-conformance/understudy/reports/result"
)

// Paths are the files that Write wrote.
type Paths struct {
	HTML, JSON, JUnit string
}

// Write writes all reports into dir, which is made when it is absent. Each file
// appears as a whole or not at all; earlier reports in dir are replaced.
func Write(dir string, m verdict.Model) (Paths, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Paths{}, fmt.Errorf("write reports: %w", err)
	}
	paths := Paths{
		HTML:  filepath.Join(dir, "index.html"),
		JSON:  filepath.Join(dir, "result.json"),
		JUnit: filepath.Join(dir, "junit.xml"),
	}
	for _, report := range []struct {
		path  string
		write func(io.Writer, verdict.Model) error
	}{
		{paths.JSON, result.Write},
		{paths.JUnit, junit.Write},
		{paths.HTML, html.Write},
	} {
		if err := whole(report.path, func(w io.Writer) error { return report.write(w, m) }); err != nil {
			return Paths{}, fmt.Errorf("write report %s: %w", report.path, err)
		}
	}
	return paths, nil
}

// whole writes a file beside its place and renames it when it is complete.
func whole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when the rename has happened, as it should
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
