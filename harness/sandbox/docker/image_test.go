package docker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// folder writes files and returns the manifest of an implementation in there.
func folder(t *testing.T, files map[string]string) implementation.Manifest {
	t.Helper()
	m := implementation.Manifest{Name: "Example", Slug: "example", Dir: t.TempDir(), Sandbox: implementation.Sandbox{
		Provision: "provision.sh", Files: []string{"lists/pins.txt"}, Dockerfile: "Dockerfile",
	}}
	for name, text := range files {
		path := filepath.Join(m.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func sourceFiles() map[string]string {
	return map[string]string{"Dockerfile": "FROM x", "provision.sh": "true", "lists/pins.txt": "a==1", "probe.py": "# probe", "big/data": "0"}
}

func TestTagChangesWithWhatIsInTheImageAndWithNothingElse(t *testing.T) {
	plain, err := tag(folder(t, sourceFiles()), base{LocalBase, "sha256:1"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(plain, "understudy/example:") {
		t.Errorf("tag %s, want one of understudy/example", plain)
	}
	for _, c := range []struct {
		name       string
		file, text string
		on         base
		same       bool
	}{
		{"nothing", "", "", base{LocalBase, "sha256:1"}, true},
		{"the probe", "probe.py", "# another", base{LocalBase, "sha256:1"}, true},
		{"a file that the image does not read", "big/data", "1", base{LocalBase, "sha256:1"}, true},
		{"Dockerfile", "Dockerfile", "FROM y", base{LocalBase, "sha256:1"}, false},
		{"provision script", "provision.sh", "false", base{LocalBase, "sha256:1"}, false},
		{"further file", "lists/pins.txt", "a==2", base{LocalBase, "sha256:1"}, false},
		{"content of the base", "", "", base{LocalBase, "sha256:2"}, false},
		{"name of the base", "", "", base{RegistryBase, "sha256:1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := sourceFiles()
			if c.file != "" {
				files[c.file] = c.text
			}
			got, err := tag(folder(t, files), c.on)
			if err != nil {
				t.Fatal(err)
			}
			if same := got == plain; same != c.same {
				t.Errorf("tag %s after a change of %s, %s before", got, c.name, plain)
			}
		})
	}
}

func TestManifestWithoutDockerfileIsUnavailable(t *testing.T) {
	m := folder(t, sourceFiles())
	m.Sandbox.Dockerfile = ""
	if _, err := tag(m, base{}); !errors.Is(err, sandbox.ErrUnavailable) || !strings.Contains(err.Error(), "sandbox.dockerfile") {
		t.Errorf("got %v, want ErrUnavailable that names sandbox.dockerfile", err)
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	files := sourceFiles()
	delete(files, "lists/pins.txt")
	m := folder(t, files)
	for name, try := range map[string]func() error{
		"tag":           func() error { _, err := tag(m, base{}); return err },
		"build context": func() error { _, err := buildContext(m); return err },
	} {
		if err := try(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "pins.txt") {
			t.Errorf("%s: %v, want that pins.txt does not exist", name, err)
		}
	}
}

func TestBuildContextHoldsOnlyWhatTheImageReads(t *testing.T) {
	dir, err := buildContext(folder(t, sourceFiles()))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	got := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		got[strings.TrimPrefix(path, dir+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Dockerfile": "FROM x", "provision.sh": "true", "lists/pins.txt": "a==1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("build context (-want +got):\n%s", diff)
	}
}
