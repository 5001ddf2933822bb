package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

func TestALockOfSomebodyElseIsNotWrittenTo(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"by itself":                        {lockFile: "precious"},
		"beside files of theirs":           {lockFile: "precious", "other.txt": ""},
		"beside a run":                     {lockFile: "precious", eventsFile: `{"kind":"run-start"}`},
		"that begins as ours, almost":      {lockFile: "process"},
		"of ours, beside files of theirs":  {lockFile: "process 1 since then", "other.txt": ""},
		"empty, beside files of theirs":    {lockFile: "", "other.txt": ""},
		"that is not there, beside theirs": {"other.txt": ""},
	} {
		dir := t.TempDir()
		for file, text := range files {
			put(t, filepath.Join(dir, file), text)
		}
		f, err := openFolder(dir, "--out")
		if err == nil {
			f.close()
		}
		if exitCode(err) != verdict.ExitUsage || !strings.Contains(message(err), "another folder") {
			t.Errorf("a lock %s: %v", name, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != len(files) {
			t.Errorf("a lock %s: the folder holds %v, %v", name, entries, err)
		}
		for file, text := range files {
			if got := content(t, filepath.Join(dir, file)); got != text {
				t.Errorf("a lock %s: %s is now %q", name, file, got)
			}
		}
	}
}

func TestAFolderThatWasNotUsedIsLeftAsItWas(t *testing.T) {
	for name, before := range map[string]string{"empty": "", "of another run": "process 1 since then\n"} {
		dir := t.TempDir()
		want := 0
		if before != "" {
			put(t, filepath.Join(dir, lockFile), before)
			want = 1
		}
		opened(t, dir).close()
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%s: the folder holds %v, %v", name, entries, err)
		}
	}
}

// Who opened a lock file before its holder removed it has to look again: the file that
// it locks then is nobody else's to find.
func TestALockThatWasRemovedIsNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	first := opened(t, path)
	second, err := safefile.OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	late := &folder{Folder: second}
	file, err := late.Append(lockFile, 0o644, safefile.Terms{})
	if err != nil {
		t.Fatal(err)
	}
	first.close()
	if err := late.hold(file, unix.LOCK_EX, "--out"); !errors.Is(err, fs.ErrNotExist) || late.lock != nil {
		t.Errorf("the removed file is locked: %v", err)
	}
	if err := late.take("--out"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a lock in the removed folder: %v", err)
	}
	opened(t, path)
}

// At most one has a folder at any time, though each that does not use it removes it.
func TestWhoTakesAFolderHasItAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	var group sync.WaitGroup
	var taken sync.Mutex
	for range 4 {
		group.Go(func() {
			for range 300 {
				f, err := openFolder(path, "--out")
				if err != nil {
					if !strings.Contains(err.Error(), "is in use by") {
						t.Error(err)
					}
					continue
				}
				if !taken.TryLock() {
					t.Error("two have the folder")
					f.close()
					continue
				}
				named, err := os.Lstat(filepath.Join(path, lockFile))
				held, failed := f.lock.Stat()
				if err != nil || failed != nil || !os.SameFile(named, held) {
					t.Errorf("the lock that was taken is not the one in the folder: %v", errors.Join(err, failed))
				}
				taken.Unlock()
				f.close()
			}
		})
	}
	group.Wait()
}

// report reads a folder that it then writes: a run that begins in between would get
// the reports of the journal before it.
func TestReportHasTheFolderBeforeItReads(t *testing.T) {
	above := t.TempDir()
	run, fresh := filepath.Join(above, "run"), filepath.Join(above, "fresh")
	put(t, filepath.Join(run, eventsFile), `{"kind":"run-start"}`)
	put(t, filepath.Join(run, knownFile), "of no use") // who reads before says so
	opened(t, run)
	if err := os.Symlink(run, filepath.Join(above, "link")); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"the folder itself":      {"report", run},
		"named as --out, too":    {"report", "--out", run, filepath.Join(run, ".")},
		"its journal":            {"report", filepath.Join(run, eventsFile)},
		"with reports elsewhere": {"report", "--out", fresh, run},
		"one of several":         {"report", "--out", fresh, filepath.Join(above, "link"), run},
	} {
		var out, problems bytes.Buffer
		if code := execute(args, &out, &problems); code != verdict.ExitUsage || !strings.Contains(problems.String(), "is in use by process") {
			t.Errorf("%s: exit code %d: %s", name, code, &problems)
		}
		if _, err := os.Lstat(fresh); err == nil {
			t.Errorf("%s: a folder was made", name)
		}
	}
}

func TestNoRunBeginsInAFolderThatReportReads(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, lockFile), "")
	for range 2 { // readers do not disturb each other
		reader, err := readFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
	}
	if f, err := openFolder(dir, "--out"); exitCode(err) != verdict.ExitUsage || !strings.Contains(message(err), "is in use by") {
		t.Errorf("a run began: %v", err)
		if err == nil {
			f.close()
		}
	}
}

func TestAFolderOfWhichNothingCanBeWrittenIsReadAllTheSame(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, eventsFile), `{"kind":"run-start"}`)
	reader, err := readFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}
