package images

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/cache"
	"github.com/understudy-conformance/understudy/harness/implementation"
)

// extract extracts one implementation and returns what was told meanwhile.
func extract(t *testing.T, name, dir string) (path string, said []string) {
	t.Helper()
	cached, err := cache.Open(dir, func(text string) { said = append(said, text) })
	if err != nil {
		t.Fatal(err)
	}
	defer cached.Close()
	if path, err = Extract(t.Context(), name, cached); err != nil {
		t.Fatal(err)
	}
	return path, said
}

func TestBuiltInImplementationsAreExtractedOnceAndLoad(t *testing.T) {
	dir := t.TempDir()
	if diff := cmp.Diff([]string{"airflow", "reference"}, Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range Names() {
		path, _ := extract(t, name, dir)
		if _, err := implementation.Load(path); err != nil {
			t.Error(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		again, said := extract(t, name, dir)
		if after, err := os.Stat(again); err != nil || len(said) > 0 || !os.SameFile(before, after) {
			t.Errorf("%s was extracted again: %v, %q", name, err, said)
		}
	}
}

func TestDamagedBuiltInImplementationIsMended(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"empty manifest": func(dir string) error { return os.Truncate(filepath.Join(dir, "implementation.yaml"), 0) },
		"no probe":       func(dir string) error { return os.Remove(filepath.Join(dir, "probe.yaml")) },
		"other script": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "provision.sh"), []byte("exit 1\n"), 0o644)
		},
		"folder": func(dir string) error {
			probe := filepath.Join(dir, "probe.yaml")
			return errors.Join(os.Remove(probe), os.Mkdir(probe, 0o755))
		},
		"file more": func(dir string) error { return os.WriteFile(filepath.Join(dir, "more"), nil, 0o644) },
		"no folder": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, _ := extract(t, Reference, dir)
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			path, said := extract(t, Reference, dir)
			if len(said) != 1 || !strings.Contains(said[0], "implementation reference is damaged: made again") {
				t.Errorf("said %q", said)
			}
			sub, err := fs.Sub(files, Reference)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(path, sub); err != nil {
				t.Error(err)
			}
		})
	}
}

// The halves of Airflow and of the reference, put together, are manifests of their own, and
// so is another release.
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
	if diff := cmp.Diff([]string{"airflow-34", "af-pairing", "af-adapter", "af-sudo"}, names); diff != "" {
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
	cached, err := cache.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(t.Context(), "nonsense", cached); err == nil {
		t.Error("an unknown name was accepted")
	}
}
