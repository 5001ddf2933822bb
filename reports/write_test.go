package reports_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
)

func TestWriteReplacesAllReportsAndLeavesNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	to, err := safefile.MakeFolder(dir, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for range 2 {
		if err := reports.Write(to, demo.Model()); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"index.html", "junit.xml", "result.json"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if text := read(t, to.Path(reports.JSON)); !json.Valid([]byte(text)) {
		t.Error("result.json is no JSON")
	}
	if err := xml.Unmarshal([]byte(read(t, to.Path(reports.JUnit))), new(struct{})); err != nil {
		t.Errorf("junit.xml: %v", err)
	}
	if text := read(t, to.Path(reports.HTML)); !strings.Contains(text, "</html>") {
		t.Error("index.html is cut")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
