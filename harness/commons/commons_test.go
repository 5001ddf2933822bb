package commons

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// plainRoot makes a root with some of what cases share.
func plainRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"etc/sudoers.d", "etc/pam.d", "usr/bin", "usr/libexec/sudo", "tmp", "srv", "home"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"etc/passwd", "etc/shadow", "etc/sudoers", "etc/pam.d/sudo", "etc/nsswitch.conf", "usr/bin/sudo", "usr/bin/id", "usr/libexec/sudo/sudoers.so"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte("of "+file+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("dash", filepath.Join(root, "usr/bin/sh")); err != nil {
		t.Fatal(err)
	}
	return root
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

// forged changes a file and gives it the time and the length that it had.
func forged(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(write(path, strings.Repeat("x", int(info.Size()))), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// changes are what a case might do to what all share; each is named with what is said of it.
var changes = map[string]func(at func(string) string) error{
	"etc/sudoers has another content":             func(at func(string) string) error { return write(at("etc/sudoers"), "ALL ALL=(ALL) NOPASSWD: ALL\n") },
	"etc/passwd has another content":              func(at func(string) string) error { return forged(at("etc/passwd")) },
	"usr/bin/id has another content":              func(at func(string) string) error { return forged(at("usr/bin/id")) },
	"etc/shadow has mode 100666":                  func(at func(string) string) error { return os.Chmod(at("etc/shadow"), 0o666) },
	"usr/bin/sudo is gone":                        func(at func(string) string) error { return os.Remove(at("usr/bin/sudo")) },
	"usr/libexec/sudo/sudoers.so has mode 120777": func(at func(string) string) error { return exchange(at("usr/libexec/sudo/sudoers.so")) },
	"usr/bin/sh has another content": func(at func(string) string) error {
		return errors.Join(os.Remove(at("usr/bin/sh")), os.Symlink("bash", at("usr/bin/sh")))
	},
	"etc/ld.so.preload was not there before": func(at func(string) string) error { return write(at("etc/ld.so.preload"), "/tmp/evil.so\n") },
	"etc/environment was not there before":   func(at func(string) string) error { return write(at("etc/environment"), "X=1\n") },
	"etc/sudoers.d holds other names":        func(at func(string) string) error { return write(at("etc/sudoers.d/evil"), "") },
	"etc/pam.d/sudo has another content": func(at func(string) string) error {
		return write(at("etc/pam.d/sudo"), "auth sufficient pam_permit.so\n")
	},
	"usr/bin holds other names":          func(at func(string) string) error { return write(at("usr/bin/evil"), "") },
	"etc has mode 40777":                 func(at func(string) string) error { return os.Chmod(at("etc"), 0o777) },
	"srv has mode 40700":                 func(at func(string) string) error { return os.Chmod(at("srv"), 0o700) },
	"tmp is gone":                        func(at func(string) string) error { return os.RemoveAll(at("tmp")) },
	"usr/local/bin was not there before": func(at func(string) string) error { return os.MkdirAll(at("usr/local/bin"), 0o755) },
	"etc/nsswitch.conf has mode 10644": func(at func(string) string) error {
		return errors.Join(os.Remove(at("etc/nsswitch.conf")), unix.Mkfifo(at("etc/nsswitch.conf"), 0o644))
	},
}

// exchange puts a link to the same content in place of a file.
func exchange(path string) error {
	return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path))
}

func TestChangeOfWhatCasesShareIsNoticed(t *testing.T) {
	for says, change := range changes {
		t.Run(says, func(t *testing.T) {
			root := plainRoot(t)
			at := func(name string) string { return filepath.Join(root, name) }
			commons, err := Note(root)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := commons.Changes(); err != nil || len(found) > 0 {
				t.Fatalf("nothing was changed: %q, %v", found, err)
			}
			if err := change(at); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and it stays noticed
				found, err := commons.Changes()
				if all := strings.Join(found, "\n"); err != nil || !strings.Contains(all, at("")+"/"+says) {
					t.Errorf("%v: %q", err, all)
				}
			}
		})
	}
}

// shared is all that is compared, one path for each pattern: written down here once more,
// so that none can be left out unnoticed.
var shared = struct{ files, folders, modes []string }{
	files: strings.Fields(`etc/passwd etc/group etc/shadow etc/gshadow etc/sudoers etc/sudoers.d/x etc/sudo.conf etc/pam.conf etc/pam.d/x
		etc/security/x.conf etc/nsswitch.conf etc/hosts etc/resolv.conf etc/environment etc/login.defs
		etc/ld.so.preload etc/ld.so.cache etc/ld.so.conf etc/ld.so.conf.d/x
		usr/bin/sudo usr/sbin/visudo usr/lib/sudo/x usr/libexec/sudo/x usr/bin/su usr/bin/id usr/bin/env usr/bin/cat
		usr/bin/sh usr/bin/dash usr/bin/bash usr/lib/x/ld-linux-x usr/lib/x/libc.so.6 usr/lib64/ld-linux-x understudy/bin/x`),
	folders: strings.Fields(`etc/sudoers.d etc/pam.d etc/security etc/ld.so.conf.d usr/lib/sudo usr/libexec/sudo
		usr/bin usr/sbin usr/local/bin usr/local/sbin understudy/bin`),
	modes: strings.Fields(`. bin sbin lib lib64 dev dev/shm etc home opt root run srv tmp understudy usr usr/lib usr/local var var/lib var/tmp`),
}

func TestEachPathThatCasesShareIsCompared(t *testing.T) {
	if len(commonFiles) != len(shared.files) || len(commonFolders) != len(shared.folders) || len(commonModes) != len(shared.modes) {
		t.Error("not every pattern has its path here")
	}
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	for _, dir := range slices.Concat(shared.folders, shared.modes) {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range shared.files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(at(file)), 0o755), write(at(file), "ours")); err != nil {
			t.Fatal(err)
		}
	}
	commons, err := Note(root)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name, says string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		found, err := commons.Changes()
		if line := at(name) + " " + says; err != nil || !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, line) }) {
			t.Errorf("it is not noticed that %s, one of %d changes: %v", line, len(found), err)
		}
	}
	for _, file := range shared.files {
		change(file, "has another content", forged(at(file)))
	}
	for _, folder := range shared.folders {
		change(folder, "holds other names", write(at(folder+"/evil"), ""))
	}
	for _, folder := range shared.modes {
		change(folder, "has mode 40700", os.Chmod(at(folder), 0o700))
	}
}

func TestWhatWasPutBackIsNoChange(t *testing.T) {
	root := plainRoot(t)
	commons, err := Note(root)
	if err != nil {
		t.Fatal(err)
	}
	sudoers, kept := filepath.Join(root, "etc/sudoers"), filepath.Join(root, "kept")
	for range 2 {
		if err := errors.Join(os.Rename(sudoers, kept), write(sudoers, "of a scenario"), os.Remove(sudoers), os.Rename(kept, sudoers),
			write(filepath.Join(root, "usr/bin/more"), ""), os.Remove(filepath.Join(root, "usr/bin/more")), write(filepath.Join(root, "tmp/file"), "")); err != nil {
			t.Fatal(err)
		}
		if found, err := commons.Changes(); err != nil || len(found) > 0 {
			t.Errorf("%q, %v", found, err)
		}
	}
}

func TestMountsAndTheirOptionsAreCompared(t *testing.T) {
	commons, err := Note(plainRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	const srv = "98 93 0:52 / /srv rw,nosuid - tmpfs tmpfs rw,mode=755"
	commons.mounts = append(commons.mounts, srv)
	found, err := commons.Changes()
	if all := strings.Join(found, "\n"); err != nil || !strings.Contains(all, "mounted before, and not any more: "+srv) {
		t.Errorf("%v: %q", err, all)
	}
	commons.mounts = commons.mounts[1:]
	if found, err = commons.Changes(); err != nil || len(found) < 2 || !strings.HasPrefix(found[1], "mounted otherwise than before: ") {
		t.Errorf("%v: %q", err, found)
	}
}

func BenchmarkCommons(b *testing.B) {
	commons, err := Note("/")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := commons.Changes(); err != nil {
			b.Fatal(err)
		}
	}
}
