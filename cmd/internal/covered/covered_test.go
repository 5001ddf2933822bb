package covered

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// At the start of this test binary there was no folder, so nothing may have been noted.
func TestWithoutFolderNothingIsLeft(t *testing.T) {
	Restore()
	if os.Stderr == nil {
		t.Error("standard error is not back")
	}
	if left, err := filepath.Glob("pid*"); err != nil || len(left) > 0 {
		t.Errorf("left in the working directory: %v, %v", left, err)
	}
}

func TestFolderIsNamedForTheRuntimeOnly(t *testing.T) {
	folder = t.TempDir()
	t.Cleanup(func() { folder = "" })
	for _, before := range []string{"", "/var/lib/others"} {
		t.Setenv(variable, before)
		if before == "" {
			os.Unsetenv(variable)
		}
		outer, stderr = begin()
		own := os.Getenv(variable)
		if filepath.Dir(own) != folder {
			t.Errorf("the runtime finds %q, want a folder in %s", own, folder)
		}
		info, err := os.Stat(own)
		if err != nil || info.Mode().Perm() != 0o777 {
			t.Errorf("other users cannot write: %v, %v", info, err)
		}
		Restore()
		if after := os.Getenv(variable); after != before {
			t.Errorf("the task sees %q, want %q", after, before)
		}
	}
	notes, err := filepath.Glob(filepath.Join(folder, "*", "began.*"))
	if err != nil || len(notes) != 2 || !strings.Contains(notes[0], filepath.Base(os.Args[0])) {
		t.Errorf("notes %v, %v, want one for each begin", notes, err)
	}
}
