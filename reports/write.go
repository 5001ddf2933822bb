// Package reports writes what a run found: index.html for people, result.json for
// programs and junit.xml for CI systems, all from one verdict.Model. The console
// is in a package of its own, as it begins before there is a model.
package reports

import (
	"fmt"
	"io"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports/html"
	"github.com/understudy-conformance/understudy/reports/junit"
	"github.com/understudy-conformance/understudy/reports/result"
)

// Names of the files that Write writes.
const (
	HTML  = "index.html"
	JSON  = "result.json"
	JUnit = "junit.xml"
)

// Write writes all reports into a folder, in place of earlier ones. Each file appears
// as a whole or not at all, and none before all could be written; then one after the
// other (safefile.Folder.ReplaceAll).
func Write(to *safefile.Folder, m verdict.Model) error {
	as := func(write func(io.Writer, verdict.Model) error) func(io.Writer) error {
		return func(w io.Writer) error { return write(w, m) }
	}
	err := to.ReplaceAll(0o644, safefile.New{Name: JSON, Write: as(result.Write)}, safefile.New{Name: JUnit, Write: as(junit.Write)}, safefile.New{Name: HTML, Write: as(html.Write)})
	if err != nil {
		return fmt.Errorf("write the reports: %w", err)
	}
	return nil
}
