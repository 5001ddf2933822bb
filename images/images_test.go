package images

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/implementation"
)

func TestBuiltInImplementationsAreExtractedOnceAndLoad(t *testing.T) {
	cache := t.TempDir()
	if diff := cmp.Diff([]string{"airflow", "reference"}, Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range Names() {
		dir, err := Extract(name, cache)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := implementation.Load(dir); err != nil {
			t.Error(err)
		}
		mark := filepath.Join(dir, "mark")
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Extract(name, cache)
		if _, stat := os.Stat(mark); err != nil || again != dir || stat != nil {
			t.Errorf("%s was extracted again: %v, %v", name, err, stat)
		}
	}
	left, err := filepath.Glob(filepath.Join(cache, "images", "partial-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUnknownNameIsAnError(t *testing.T) {
	if _, err := Extract("nonsense", t.TempDir()); err == nil {
		t.Error("an unknown name was accepted")
	}
}
