//go:build linux

package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// describe lists everything below dir with all that a layer keeps.
func describe(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%o %d:%d", stat.Mode, stat.Uid, stat.Gid)
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" links %d %q at %d", stat.Nlink, content, info.ModTime().UnixNano())
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		case info.Mode()&fs.ModeDevice != 0:
			text += fmt.Sprintf(" device %d", stat.Rdev)
		}
		attributes, err := xattrs(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[name] = fmt.Sprint(text, attributes)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestPackedLayerUnpacksToTheSame needs root, which the namespace sandbox needs too: owners, devices and
// trusted attributes are what a layer is made of.
func TestPackedLayerUnpacksToTheSame(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a layer holds owners, whiteouts and trusted attributes")
	}
	from, to := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(from, name) }
	old := time.Unix(1_600_000_000, 123_456_789)
	must(t,
		os.MkdirAll(at("usr/bin"), 0o755),
		os.WriteFile(at("usr/bin/sudo"), []byte("setuid"), 0o755),
		os.Chmod(at("usr/bin/sudo"), 0o755|fs.ModeSetuid),
		os.Link(at("usr/bin/sudo"), at("usr/bin/sudoedit")),
		os.Symlink("../bin/sudo", at("usr/bin/link")),
		os.WriteFile(at("usr/bin/ping"), nil, 0o755),
		os.Lchown(at("usr/bin/ping"), 61001, 61100),
		unix.Lsetxattr(at("usr/bin/ping"), "user.note", []byte("a\x00b"), 0),
		os.Mkdir(at("replaced"), 0o700),
		unix.Lsetxattr(at("replaced"), "trusted.overlay.opaque", []byte("y"), 0),
		unix.Lsetxattr(at("replaced"), "trusted.overlay.origin", []byte("elsewhere"), 0),
		os.Mkdir(at("sticky"), 0o777),
		os.Chmod(at("sticky"), 0o777|fs.ModeSticky),
		unix.Mknod(at("gone"), unix.S_IFCHR, 0),
		unix.Mkfifo(at("fifo"), 0o600),
		os.MkdirAll(at("run/secrets"), 0o755),
		os.WriteFile(at("run/secrets/ca.crt"), nil, 0o644),
		os.Chtimes(at("usr/bin/sudo"), old, old),
	)
	want := describe(t, from)
	delete(want, "run")
	delete(want, "run/secrets")
	delete(want, "run/secrets/ca.crt")
	var packed bytes.Buffer
	must(t, Pack(&packed, from, "run"), Unpack(bytes.NewReader(packed.Bytes()), to))
	got := describe(t, to)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layer changed (-packed +unpacked):\n%s", diff)
	}
	if !strings.Contains(got["usr/bin/sudo"], "links 2") || !strings.Contains(got["replaced"], "opaque") || strings.Contains(got["replaced"], "origin") {
		t.Errorf("hard link, opaque mark or origin: %q, %q", got["usr/bin/sudo"], got["replaced"])
	}
}

func TestEntryThatLeadsOutIsRefused(t *testing.T) {
	outside := t.TempDir()
	away := tar.Header{Name: "away", Linkname: outside, Typeflag: tar.TypeSymlink}
	for name, entries := range map[string][]tar.Header{
		"parent":            {{Name: "../evil", Typeflag: tar.TypeReg}},
		"absolute":          {{Name: "/etc/evil", Typeflag: tar.TypeReg}},
		"hard link":         {{Name: "link", Linkname: "../../etc/passwd", Typeflag: tar.TypeLink}},
		"symbolic link":     {away, {Name: "away/evil", Typeflag: tar.TypeReg}},
		"folder over link":  {away, {Name: "away", Typeflag: tar.TypeDir, Mode: 0o777}},
		"not clean":         {away, {Name: "./away/./evil", Typeflag: tar.TypeReg}},
		"linked link":       {away, {Name: "more", Linkname: "away", Typeflag: tar.TypeLink}, {Name: "more/evil", Typeflag: tar.TypeReg}},
		"hard link through": {away, {Name: "file", Linkname: "away/evil", Typeflag: tar.TypeLink}},
		"unknown type":      {{Name: "strange", Typeflag: tar.TypeCont}},
	} {
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		for _, header := range entries {
			must(t, w.WriteHeader(&header))
		}
		must(t, w.Close())
		if err := Unpack(&text, t.TempDir()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside the layer: %v, %v", left, err)
	}
}

// FuzzUnpack looks for a tar that panics, or that makes something beside its directory.
func FuzzUnpack(f *testing.F) {
	for _, name := range []string{"a/b", "../b", "b"} {
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: ".."})
		w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755})
		w.Close()
		f.Add(text.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		inner := filepath.Join(dir, "inner")
		must(t, os.Mkdir(inner, 0o700))
		_ = Unpack(bytes.NewReader(text), inner)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("beside the layer: %v, %v", entries, err)
		}
	})
}
