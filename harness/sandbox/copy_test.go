package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWhatIsExchangedDuringACopyIsRefused exchanges right after the look, as the owner of a folder can that root copies.
func TestWhatIsExchangedDuringACopyIsRefused(t *testing.T) {
	link := func(target string) func(path string) error {
		return func(path string) error { return os.Symlink(target, path) }
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "file"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		at    string
		plant func(path string) error
	}{
		"folder by a link out":    {"deep", link(outside)},
		"folder by a link within": {"deep", link("other")},
		"folder by a file":        {"deep", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		"file by a link out":      {"deep/file", link(filepath.Join(outside, "file"))},
		"file by a link within":   {"deep/file", link("../other/file")},
		"file by a FIFO":          {"deep/file", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		"file by a folder":        {"deep/file", func(path string) error { return os.Mkdir(path, 0o700) }},
		"folder above by a link":  {"deep/file", func(string) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
			for _, dir := range []string{"deep", "other"} {
				if err := errors.Join(os.Mkdir(filepath.Join(from, dir), 0o700), os.WriteFile(filepath.Join(from, dir, "file"), []byte(dir), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			above := strings.HasPrefix(name, "folder above")
			err := copyFolder(from, to, FolderLimit, func(path string) {
				if path != c.at {
					return
				}
				at := filepath.Join(from, path)
				if above {
					at, c.plant = filepath.Dir(at), link(outside)
				}
				if err := errors.Join(os.Rename(at, filepath.Join(outside, strings.ReplaceAll(name, " ", "-"))), c.plant(at)); err != nil {
					t.Error(err)
				}
			})
			if !above && !errors.Is(err, errExchanged) || above && err != nil {
				t.Errorf("got %v", err)
			}
			filepath.WalkDir(to, func(path string, entry fs.DirEntry, _ error) error {
				if text, err := os.ReadFile(path); err == nil && string(text) == "secret" {
					t.Errorf("%s holds what lies outside", path)
				}
				return nil
			})
		})
	}
}

// A file may grow while it is copied; what is copied is bounded all the same.
func TestFileThatGrowsDuringACopyIsBounded(t *testing.T) {
	from := t.TempDir()
	model := filepath.Join(from, "model.bin")
	if err := os.WriteFile(model, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := copyFolder(from, filepath.Join(t.TempDir(), "copy"), 1000, func(path string) {
		if path == "model.bin" {
			if err := os.Truncate(model, 1001); err != nil {
				t.Error(err)
			}
		}
	})
	if !errors.Is(err, errTooLarge) {
		t.Errorf("got %v", err)
	}
}
