package cache

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const stranger = 65534

// TestCacheThatOthersCouldWriteIsRefused has what is in the folder used by nobody: it may be planted.
func TestCacheThatOthersCouldWriteIsRefused(t *testing.T) {
	for name, plant := range map[string]func(dir string) error{
		"others may write":    func(dir string) error { return os.Chmod(dir, 0o707) },
		"its group may write": func(dir string) error { return os.Chmod(dir, 0o770) },
		"a part is a link": func(dir string) error {
			return os.Symlink(filepath.Join(filepath.Dir(dir), "precious"), filepath.Join(dir, "layers"))
		},
		"others write to a part": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o700), os.Chmod(filepath.Join(dir, "bin"), 0o777))
		},
		"another's, root":    func(dir string) error { return os.Chown(dir, stranger, stranger) },
		"in another's, root": func(dir string) error { return os.Chown(filepath.Dir(dir), stranger, stranger) },
		"a part of another, root": func(dir string) error {
			part := filepath.Join(dir, "roots")
			return errors.Join(os.Mkdir(part, 0o755), os.Chown(part, stranger, stranger))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, ", root") && os.Geteuid() != 0 {
				t.Skip("only root may give files away, and trusts nobody else's")
			}
			above := t.TempDir()
			dir, kept := filepath.Join(above, "understudy"), filepath.Join(above, "precious", "kept")
			must(t, os.Mkdir(dir, 0o700), os.Mkdir(filepath.Dir(kept), 0o700), os.WriteFile(kept, nil, 0o600), plant(dir))
			f, err := Open(dir, func(string) {})
			if err == nil {
				_, err := f.Prune([]string{"layers/*"}, Policy{All: true})
				_, gone := os.Stat(kept)
				t.Fatalf("was opened, and pruned (%v); what a link led to: %v", err, gone)
			}
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNothingIsMadeInAFolderOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	above := t.TempDir()
	must(t, os.Chown(above, stranger, stranger))
	if _, err := Open(filepath.Join(above, "cache", "understudy"), nil); !errors.Is(err, ErrForeign) || len(names(t, above)) > 0 {
		t.Errorf("got %v, made %q", err, names(t, above))
	}
}

// Roots hold set-user-id programs of foreign scripts: whoever reaches one of those is root of the machine.
func TestCacheIsClosedToOthers(t *testing.T) {
	above := t.TempDir()
	for name, before := range map[string]fs.FileMode{"missing": 0, "wide": 0o755, "narrow": 0o700} {
		dir := filepath.Join(above, name, "understudy")
		if before != 0 {
			must(t, os.MkdirAll(dir, 0o700), os.Chmod(dir, before))
		}
		opened(t, dir)
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestLogAndRecordAreWrittenThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	must(t, os.WriteFile(victim, []byte("precious"), 0o600), os.Mkdir(filepath.Join(dir, "layers"), 0o700))
	for _, suffix := range []string{logSuffix, recordSuffix + partialSuffix} {
		must(t, os.Symlink(victim, filepath.Join(dir, "layers", "x.tar"+suffix)))
	}
	f, _ := opened(t, dir)
	var built atomic.Int32
	must(t, f.Entry("layers/x.tar").Read(t.Context(), writes(content, &built), func(io.Reader) error { return nil }))
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the victim holds %.20q, %v", text, err)
	}
}
