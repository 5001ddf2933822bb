package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTailKeepsTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tail Tail
		var all strings.Builder
		for _, size := range rapid.SliceOfN(rapid.IntRange(0, 2*DiagnosticsLimit), 0, 5).Draw(t, "sizes") {
			part := strings.Repeat(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "letter"), size)
			all.WriteString(part)
			if n, err := tail.Write([]byte(part)); n != size || err != nil {
				t.Fatalf("Write returned %d, %v", n, err)
			}
		}
		want := all.String()
		if over := len(want) - DiagnosticsLimit; over > 0 {
			want = "[...] " + want[over:]
		}
		if tail.String() != want {
			t.Fatalf("kept %d octets, want the last of %d", len(tail.String()), all.Len())
		}
	})
}

func TestTailIsText(t *testing.T) {
	var tail Tail
	tail.Write([]byte("a\xffb"))
	if got := tail.String(); !utf8.ValidString(got) || !strings.HasPrefix(got, "a") || !strings.HasSuffix(got, "b") {
		t.Errorf("got %q", got)
	}
}

func TestCopiedFolderIsReadableByAll(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	write := func(name string, mode fs.FileMode) {
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.yaml", 0o600)
	write("deep/run.sh", 0o700)
	write(".git/config", 0o600)
	if err := os.Symlink("secret.yaml", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := CopyFolder(from, to); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err := filepath.WalkDir(to, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(to, path)
		got[name] = info.Mode().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{".": "drwxr-xr-x", "deep": "drwxr-xr-x", "deep/run.sh": "-rwxr-xr-x", "secret.yaml": "-rw-r--r--", "link": "Lrwxrwxrwx"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
}

func TestTooLargeFolderIsRefusedWithRemedy(t *testing.T) {
	from := t.TempDir()
	big, err := os.Create(filepath.Join(from, "model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(FolderLimit + 1); err != nil { // sparse: costs nothing
		t.Fatal(err)
	}
	if err := CopyFolder(from, filepath.Join(t.TempDir(), "copy")); err == nil || !strings.Contains(err.Error(), "provision.sh") {
		t.Errorf("got %v", err)
	}
}
