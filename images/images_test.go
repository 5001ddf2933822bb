package images

import (
	"os"
	"path/filepath"
	"strings"
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

// The halves of Airflow and of the reference, put together, are manifests of their own.
func TestPairingsLoad(t *testing.T) {
	found, err := filepath.Glob("airflow/*-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range found {
		if strings.HasSuffix(path, "-expectations.yaml") {
			continue
		}
		m, err := implementation.Load(path)
		if err != nil {
			t.Error(err)
		}
		names = append(names, m.Slug)
	}
	if diff := cmp.Diff([]string{"af-pairing", "af-adapter", "af-sudo"}, names); diff != "" {
		t.Errorf("slugs (-want +got):\n%s", diff)
	}
}

// The reference runner under Airflow's supervisor reads the reference's probe.
func TestProbesOfTheReferenceAreOne(t *testing.T) {
	original, err := os.ReadFile("reference/probe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile("airflow/probe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(original), string(copied)); diff != "" {
		t.Errorf("airflow/probe.yaml differs from reference/probe.yaml (-want +got):\n%s", diff)
	}
}

func TestUnknownNameIsAnError(t *testing.T) {
	if _, err := Extract("nonsense", t.TempDir()); err == nil {
		t.Error("an unknown name was accepted")
	}
}
