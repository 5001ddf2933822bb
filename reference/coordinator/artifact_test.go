package coordinator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/coordinator/delegate"
)

// place writes a bundle of a script.
func place(t *testing.T, path, script string, m Manifest) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, packed(t, script, "source", m), 0o755); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path string, at int64, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if at < 0 {
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		at += info.Size()
	}
	if _, err := file.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
}

func holding(dags ...string) Manifest {
	m := example()
	m.Dags = map[string]DagInfo{}
	for _, id := range dags {
		m.Dags[id] = DagInfo{Tasks: []string{"t"}}
	}
	return m
}

func TestFindTakesTheFirst(t *testing.T) {
	root, other := t.TempDir(), t.TempDir()
	place(t, filepath.Join(root, "b/deep/down/bundle"), "#!1", holding("etl"))
	place(t, filepath.Join(root, "c"), "#!2", holding("etl"))
	place(t, filepath.Join(root, "a"), "#!3", holding("else"))
	place(t, filepath.Join(other, "a"), "#!4", holding("etl", "only here"))
	place(t, filepath.Join(other, "elsewhere/linked"), "#!5", holding("by link"))
	for path, to := range map[string]string{
		filepath.Join(root, "b/deep/loop"):  root,
		filepath.Join(root, "link"):         filepath.Join(other, "elsewhere"),
		filepath.Join(root, "b/to nowhere"): "/nonexistent",
	} {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"notes.txt": "no bundle", "empty": ""} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dag, want string }{
		{"etl", filepath.Join(root, "b/deep/down/bundle")},
		{"else", filepath.Join(root, "a")},
		{"only here", filepath.Join(other, "a")},
		{"by link", filepath.Join(root, "link/linked")},
	} {
		a, err := new(Library).Find(t.Context(), []string{root, other}, c.dag)
		if err != nil {
			t.Errorf("%s: %v", c.dag, err)
			continue
		}
		if a.Path != c.want || a.Schema.Version() != message.Schema20260616 {
			t.Errorf("%s: %s, schema %q; want %s", c.dag, a.Path, a.Schema.Version(), c.want)
		}
		a.Close()
	}
	_, err := new(Library).Find(t.Context(), []string{root}, "missing")
	var none *NotFoundError
	if !errors.As(err, &none) || len(none.Rejected) != 1 || !strings.Contains(err.Error(), "/nonexistent") && !strings.Contains(err.Error(), "to nowhere") {
		t.Errorf("a Dag that is nowhere: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Library).Find(cancelled, []string{root}, "etl"); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that was called off: %v", err)
	}
}

// TestFindSaysWhyNot: each of these bundles names the Dag and must not be executed.
func TestFindSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  string
	}{
		{"binary changed", func(t *testing.T, path string) { change(t, path, 3, "?") }, "has the SHA-256"},
		{"digest changed", func(t *testing.T, path string) { change(t, path, offDigest-FooterSize, "?") }, "has the SHA-256"},
		{"footer version", func(t *testing.T, path string) { change(t, path, offVersion-FooterSize, "\x02") }, "version 2"},
		{"reserved", func(t *testing.T, path string) { change(t, path, offReserved-FooterSize, "\x02") }, "reserved"},
		{"bounds", func(t *testing.T, path string) { change(t, path, offSource-FooterSize, "\xff\xff\xff\xff") }, "announces"},
		{"no x", func(t *testing.T, path string) { _ = os.Chmod(path, 0o644) }, "has no x"},
		{"schema", func(t *testing.T, path string) {
			text, _ := os.ReadFile(path)
			text = bytes.Replace(text, []byte("2026-06-16"), []byte("2099-01-01"), 1)
			_ = os.WriteFile(path, text, 0o755)
		}, `"2099-01-01"`},
		{"manifest", func(t *testing.T, path string) {
			text, _ := os.ReadFile(path)
			_ = os.WriteFile(path, bytes.Replace(text, []byte("sdk:"), []byte("[sdk"), 1), 0o755)
		}, "read bundle manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "bundle")
			place(t, path, "#!/bin/sh\n", holding("etl"))
			c.spoil(t, path)
			_, err := new(Library).Find(t.Context(), []string{root}, "etl")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one with %q and %s", err, c.want, path)
			}
			place(t, filepath.Join(root, "good"), "#!/bin/sh\n", holding("etl"))
			a, err := new(Library).Find(t.Context(), []string{root}, "etl")
			if err != nil {
				t.Fatalf("a good one beside it is not found: %v", err)
			}
			a.Close()
		})
	}
}

func TestUnknownSchemaCanBeAskedFor(t *testing.T) {
	root := t.TempDir()
	text := bytes.Replace(packed(t, "#!", "", holding("etl")), []byte("2026-06-16"), []byte("2099-01-01"), 1)
	if err := os.WriteFile(filepath.Join(root, "b"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := new(Library).Find(t.Context(), []string{root}, "etl")
	var unknown *message.UnknownSchemaError
	if !errors.As(err, &unknown) || unknown.Version != "2099-01-01" {
		t.Errorf("%v", err)
	}
}

func TestRejectedAreBounded(t *testing.T) {
	root := t.TempDir()
	for i := range maxRejected + 5 {
		if err := os.Symlink("/nonexistent", filepath.Join(root, string(rune('a'+i)))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := new(Library).Find(t.Context(), []string{root}, "etl")
	if err == nil || !strings.HasSuffix(err.Error(), "; and 5 more") {
		t.Errorf("%v", err)
	}
}

func TestOpenRefusesWhatCannotBeExecuted(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{fifo: "not a regular file", "/proc": "not a regular file", "/nonexistent": "no such file", "/etc/passwd": "no x", "/bin/sh": "not an executable bundle"} {
		if _, err := new(Library).Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, maxBundle+1); err != nil {
		t.Fatal(err)
	}
	if _, err := new(Library).Open(t.Context(), big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

// TestChangedBetweenCheckAndStart is LANG-007: the file is exchanged, and written
// to, after it was verified.
func TestChangedBetweenCheckAndStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bundle")
	place(t, path, "#!/bin/sh\necho verified\n", holding("etl"))
	a, err := new(Library).Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	before, err := io.ReadAll(io.NewSectionReader(a.Memory, 0, maxBundle))
	if err != nil {
		t.Fatal(err)
	}
	change(t, path, 0, "#!/bin/sh\necho attacker\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	place(t, path, "#!/bin/sh\necho attacker\n", holding("etl"))
	after, err := io.ReadAll(io.NewSectionReader(a.Memory, 0, maxBundle))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("what is executed changed with the file: %v", err)
	}
	if _, err := a.Memory.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the memory can be written to")
	}
	if err := a.Memory.Truncate(0); err == nil {
		t.Error("the memory can be cut")
	}
	if seals, err := unix.FcntlInt(a.Memory.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&delegate.Seals != delegate.Seals {
		t.Errorf("seals %#x: %v", seals, err)
	}
}

// unsteady is a file that is another one each time it is read from its start.
type unsteady struct {
	versions [][]byte
	reads    int
}

func (u *unsteady) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 {
		u.reads++
	}
	return bytes.NewReader(u.versions[min(u.reads, len(u.versions)-1)]).ReadAt(p, off)
}

// TestChangedDuringTheCheck: only the copy is hashed, so a file that changes after
// it was copied cannot pass with a hash of other bytes.
func TestChangedDuringTheCheck(t *testing.T) {
	good, bad := packed(t, "#!good", "", holding("etl")), packed(t, "#!good", "", holding("etl"))
	copy(bad, "#!evil")
	if _, err := verify(t.Context(), &unsteady{versions: [][]byte{good, bad}}, int64(len(good))); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("bytes that were copied are not the ones that are hashed: %v", err)
	}
	a, err := verify(t.Context(), &unsteady{versions: [][]byte{good, good, bad}}, int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	copied, err := io.ReadAll(io.NewSectionReader(a.Memory, 0, maxBundle))
	if err != nil || !bytes.Equal(copied, good) {
		t.Errorf("%v: %q", err, copied)
	}
	if _, err := verify(t.Context(), &unsteady{versions: [][]byte{good, good[:10]}}, int64(len(good))); err == nil {
		t.Error("a file that is cut while it is copied is accepted")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify(cancelled, bytes.NewReader(good), int64(len(good))); !errors.Is(err, context.Canceled) {
		t.Errorf("a copy that was called off: %v", err)
	}
}

func TestPackFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bundle")
	if err := PackFile(path, "/bin/echo", []byte("source"), holding("etl")); err != nil {
		t.Fatal(err)
	}
	a, err := new(Library).Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	for _, err := range []error{
		PackFile(path, "/nonexistent", nil, holding("etl")),
		PackFile(path, "/bin/echo", nil, Manifest{}),
		PackFile(filepath.Join(dir, "no/such/folder"), "/bin/echo", nil, holding("etl")),
	} {
		if err == nil {
			t.Error("a bundle is made of nothing")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestLibrary: tasks of one bundle share its memory until the file changes.
func TestLibrary(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "bundle")
	place(t, path, "#!1", holding("etl"))
	library := new(Library)
	inode := func() uint64 {
		t.Helper()
		a, err := library.Find(t.Context(), []string{root}, "etl")
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		var stat unix.Stat_t
		if err := unix.Fstat(int(a.Memory.Fd()), &stat); err != nil || a.Path != path {
			t.Fatalf("%s: %v", a.Path, err)
		}
		return stat.Ino
	}
	first := inode()
	if again := inode(); again != first {
		t.Errorf("the second task has memory of its own: %d, %d", first, again)
	}
	place(t, path+".new", "#!2", holding("etl"))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	second := inode()
	if second == first {
		t.Error("a bundle that was exchanged is not looked at")
	}
	change(t, path, 2, "3")
	if _, err := library.Find(t.Context(), []string{root}, "etl"); err == nil {
		t.Error("a bundle that was written to is not looked at")
	}
	// Two that bring the same bundle at the same time.
	a, err := verify(t.Context(), bytes.NewReader(packed(t, "#!", "", holding("etl"))), int64(len(packed(t, "#!", "", holding("etl")))))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := library.lend(library.kept[0].id, path, a); err != nil {
		t.Fatal(err)
	} else {
		b.Close()
	}
	if _, err := a.Memory.Stat(); err == nil {
		t.Error("the second copy stays open")
	}
	for i := range maxKept + 3 {
		other := filepath.Join(root, "other", string(rune('a'+i)))
		place(t, other, "#!", holding("other"))
		a, err := library.Open(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
	}
	if len(library.kept) != maxKept {
		t.Errorf("%d bundles are kept, %d are permitted", len(library.kept), maxKept)
	}
	huge, err := verify(t.Context(), bytes.NewReader(packed(t, "#!", "", holding("etl"))), int64(len(packed(t, "#!", "", holding("etl")))))
	if err != nil {
		t.Fatal(err)
	}
	lent, err := library.lend(identity{size: maxBytes}, path, huge)
	if err != nil {
		t.Fatal(err)
	}
	lent.Close()
	if len(library.kept) != 1 || library.kept[0].artifact != huge {
		t.Errorf("beside one of %d bytes, %d others are kept", int64(maxBytes), len(library.kept)-1)
	}
}
