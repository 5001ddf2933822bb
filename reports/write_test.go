package reports_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/internal/demo"
)

func TestWriteReplacesAllReportsAndLeavesNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	var paths reports.Paths
	for range 2 {
		var err error
		if paths, err = reports.Write(dir, demo.Model()); err != nil {
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
	if text := read(t, paths.JSON); !json.Valid([]byte(text)) {
		t.Error("result.json is no JSON")
	}
	if err := xml.Unmarshal([]byte(read(t, paths.JUnit)), new(struct{})); err != nil {
		t.Errorf("junit.xml: %v", err)
	}
	if text := read(t, paths.HTML); !strings.Contains(text, "</html>") {
		t.Error("index.html is cut")
	}
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := reports.Write(filepath.Join(file, "report"), demo.Model()); err == nil {
		t.Error("reports were written below a file")
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
