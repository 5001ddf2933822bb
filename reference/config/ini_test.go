package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "ask Python for the golden files again")

// TestReadsAsPythonDoes compares with golden files that testdata/read.py made,
// and where there is a Python, with what it says today.
func TestReadsAsPythonDoes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.cfg")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			golden := strings.TrimSuffix(path, ".cfg") + ".json"
			if python, err := exec.LookPath("python3"); err == nil {
				output, err := exec.Command(python, "testdata/read.py", path).Output()
				if err != nil {
					t.Fatalf("read.py: %v", err)
				}
				if *update {
					if err := os.WriteFile(golden, output, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(decode(t, output), ours(t, path)); diff != "" {
					t.Errorf("Python today (-), this package (+):\n%s", diff)
				}
			}
			text, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, text), ours(t, path)); diff != "" {
				t.Errorf("golden file (-), this package (+):\n%s", diff)
			}
		})
	}
}

// decode reduces every error to the word "error": the classes are Python's own.
func decode(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	if _, failed := values["error"]; failed {
		return map[string]string{"error": "error"}
	}
	flat := map[string]string{}
	for name, value := range values {
		if text, ok := value.(string); ok {
			flat[name] = text
		} else {
			flat[name] = "error"
		}
	}
	return flat
}

func ours(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parse(path, string(text))
	if err != nil {
		return map[string]string{"error": "error"}
	}
	return interpolated(file)
}

func interpolated(file sections) map[string]string {
	flat := map[string]string{}
	for section, options := range file {
		if section == defaultSection {
			continue
		}
		for _, keys := range []map[string]string{options, file[defaultSection]} {
			for key := range keys {
				raw, _ := file.raw(section, key)
				value, err := file.interpolate(section, raw, 0)
				if err != nil {
					value = "error"
				}
				flat[section+"."+key] = value
			}
		}
	}
	return flat
}

// TestAnyTextReadsAsPythonDoes lets Python judge files that nobody thought of.
func TestAnyTextReadsAsPythonDoes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to compare with")
	}
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
		"[a]", "[b]", "[DEFAULT]", "x = 1", "x:2", "Y=", "y", " deeper", "   deepest = 3", "", "  ", "# c", "  ; c",
		"p = %(x)s", "q = %%", "r = %", "= 4", "[]", "[a] z", "s = \"q\"", "t = `x`", "v = a \\", "\tw = 5", "[c]", "z = %(p)s",
	}), 1, 8)
	dir := t.TempDir()
	var paths []string
	for seed := range 400 {
		path := filepath.Join(dir, fmt.Sprintf("%d.cfg", seed))
		text := "[h]\n" + strings.Join(pieces.Example(seed), "\n") + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	output, err := exec.Command(python, append([]string{"testdata/read.py"}, paths...)...).Output()
	if err != nil {
		t.Fatalf("read.py: %v", err)
	}
	answers := json.NewDecoder(bytes.NewReader(output))
	for _, path := range paths {
		var answer json.RawMessage
		if err := answers.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decode(t, answer), ours(t, path)); diff != "" {
			text, _ := os.ReadFile(path)
			t.Errorf("%q: Python (-), this package (+):\n%s", text, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.cfg")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parse("fuzz", text)
		if err != nil {
			return
		}
		for name, value := range interpolated(file) {
			if len(value) > 2*maxValue+len(text) {
				t.Fatalf("%s has grown to %d bytes", name, len(value))
			}
		}
	})
}
