package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/run"
	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/result"
)

// opened opens a folder that is closed with the test.
func opened(t *testing.T, path string) *folder {
	t.Helper()
	f, err := openFolder(path, "--out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

// put writes a file, and what lies above it.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// begun begins a run with one case in the folder.
func begun(t *testing.T, f *folder) *runJournal {
	t.Helper()
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	r, err := begin(f, all, knownDeviations{}, journal.Identity{RunID: "new", Implementation: "Mine", Planned: []string{all.index[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func TestTwoRunsDoNotShareAFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two")
	opened(t, path)
	_, err := openFolder(path, "--out")
	for _, want := range []string{"is in use by", fmt.Sprintf("process %d since %d-", os.Getpid(), time.Now().Year()), "understudy ", "name another folder"} {
		if err == nil || exitCode(err) != verdict.ExitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("the second run gets exit code %d, and %q is not in: %v", exitCode(err), want, err)
		}
	}
}

func TestAFolderIsFreeAgainAfterItsRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	f, err := openFolder(path, "--out")
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that was made and not used is still there: %v", err)
	}
	f = opened(t, path)
	begun(t, f)
	f.close()
	opened(t, path)
	if _, err := os.Lstat(filepath.Join(path, eventsFile)); err != nil {
		t.Error(err)
	}
}

func TestAFolderOfSomebodyElseIsRefused(t *testing.T) {
	for name, files := range map[string][]string{
		"a web page":         {"index.html"},
		"anything":           {"other.txt", "notes"},
		"a list by itself":   {knownFile},
		"a folder of theirs": {"site/index.html"},
	} {
		dir := t.TempDir()
		for _, file := range files {
			put(t, filepath.Join(dir, file), "precious")
		}
		f, err := openFolder(dir, "--out")
		if err == nil {
			f.close()
		}
		first, _, _ := strings.Cut(files[0], "/")
		if exitCode(err) != verdict.ExitUsage || !strings.Contains(message(err), first) || !strings.Contains(message(err), "another folder") {
			t.Errorf("%s: %v", name, err)
		}
		for _, file := range files {
			if got := content(t, filepath.Join(dir, file)); got != "precious" {
				t.Errorf("%s: %s is now %q", name, file, got)
			}
		}
	}
}

func TestWhatRunsLeaveIsNoStranger(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":          {},
		"other runs below": {"selected/result.json": "x", "selftest/mutant/events.jsonl": "x"},
		"a run that was killed before its reports were there": {".result.json-ABCDEFGHIJKLMNOPQRSTUVWXYZ": "{", lockFile: ""},
		"a journal, and notes beside it":                      {eventsFile: `{"kind":"run-start"}`, "notes.txt": "mine"},
		"joined reports":                                      {reports.JSON: "{\n \"schema\": 1,", reports.HTML: "x"},
	} {
		dir := t.TempDir()
		for file, text := range files {
			put(t, filepath.Join(dir, file), text)
		}
		f, err := openFolder(dir, "--out")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f.close()
	}
}

// The folder is the attacker's in part: links in it lead to files of others.
func TestNoLinkIsFollowedInTheFolder(t *testing.T) {
	above := t.TempDir()
	victim, dir := filepath.Join(above, "victim"), filepath.Join(above, "report")
	put(t, victim, "precious")
	put(t, filepath.Join(dir, eventsFile), `{"kind":"run-start"}`)
	f := opened(t, dir)
	for _, name := range []string{eventsFile, knownFile, reports.HTML, reports.JSON, reports.JUnit, run.DiagnosticsName(1)} {
		_ = os.Remove(filepath.Join(dir, name))
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := begun(t, f)
	if err := r.writer.Write(journal.Event{RunEnd: &journal.RunEnd{}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, run.DiagnosticsName(1))); err != nil {
		t.Fatal(err)
	}
	r.keep(1, "text")
	if got := content(t, victim); got != "precious" {
		t.Errorf("the victim is now %q", got)
	}
}

func TestTheJournalIsReadBackByWhoWroteIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	r := begun(t, opened(t, dir))
	if err := r.writer.Write(journal.Event{RunStart: journal.Start(journal.Identity{Implementation: "Mine"})}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, eventsFile)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, eventsFile), `{"kind":"run-start","run_start":{"schema":2,"identity":{"implementation":"Theirs"}}}`)
	held, err := r.held()
	if err != nil {
		t.Fatal(err)
	}
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict.Build(all.catalogue, all.index, held, nil, time.Now()).Identity.Implementation; got != "Mine" {
		t.Errorf("read back a journal about %q", got)
	}
}

func TestRootWritesIntoNoFolderOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root is refused")
	}
	theirs, open := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chown(theirs, 65534, 65534), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{theirs, open} {
		if f, err := openFolder(dir, "--out"); exitCode(err) != verdict.ExitUsage || !strings.Contains(message(err), "as root name a folder") {
			t.Errorf("%s: %v", dir, err)
			if err == nil {
				f.close()
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
}

// At no moment do reports of an earlier run stand beside a younger journal.
func TestAnEarlierRunIsReplacedBeforeTheNextBegins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	for _, name := range []string{reports.HTML, reports.JSON, reports.JUnit, run.DiagnosticsName(3), knownFile} {
		put(t, filepath.Join(dir, name), "of the earlier run")
	}
	put(t, filepath.Join(dir, eventsFile), `{"kind":"run-start"}`)
	begun(t, opened(t, dir))
	for _, name := range []string{run.DiagnosticsName(3), knownFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of the earlier run is still there: %v", name, err)
		}
	}
	text, err := os.Open(filepath.Join(dir, reports.JSON))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	got, err := result.Read(text)
	if err != nil || got.Exit != verdict.ExitIncomplete || got.Identity.RunID != "new" {
		t.Errorf("result.json: exit %d of run %q, %v", got.Exit, got.Identity.RunID, err)
	}
	for _, name := range []string{reports.HTML, reports.JUnit} {
		if !strings.Contains(content(t, filepath.Join(dir, name)), "unfinished") {
			t.Errorf("%s does not say that the run is unfinished", name)
		}
	}
	if got := content(t, filepath.Join(dir, eventsFile)); got != "" {
		t.Errorf("the journal begins with %s", got)
	}
}

func TestWithoutReportsToReplaceTheRunDoesNotBegin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	put(t, filepath.Join(dir, eventsFile), `{"kind":"run-start"}`)
	put(t, filepath.Join(dir, reports.JSON), "of the earlier run")
	f := opened(t, dir)
	if err := os.Mkdir(filepath.Join(dir, reports.JUnit), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := loadSuite()
	if err != nil {
		t.Fatal(err)
	}
	_, err = begin(f, all, knownDeviations{}, journal.Identity{})
	if exitCode(err) != verdict.ExitUsage {
		t.Errorf("begin: %v", err)
	}
	if got := content(t, filepath.Join(dir, eventsFile)); got != `{"kind":"run-start"}` {
		t.Errorf("the journal of the earlier run is now %q", got)
	}
	if got := content(t, filepath.Join(dir, reports.JSON)); got != "of the earlier run" {
		t.Errorf("result.json of the earlier run is now %q", got)
	}
}

func TestAPartDoesNotReplaceTheWhole(t *testing.T) {
	for _, c := range []struct {
		flags runFlags
		want  string
	}{
		{runFlags{selection: selection{profile: "all"}}, "report"},
		{runFlags{selection: selection{profile: "all", filter: "IMP"}}, "report/selected"},
		{runFlags{selection: selection{profile: "all", roles: []string{"runner"}}}, "report/selected"},
		{runFlags{selection: selection{profile: "upstream"}}, "report/selected"},
		{runFlags{selection: selection{profile: "all", filter: "IMP"}, out: "mine"}, "mine"},
	} {
		if got := c.flags.folder(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.flags, got, c.want)
		}
	}
}

func TestWantOfRoomAndOfRightsIsNoFaultOfOurs(t *testing.T) {
	for _, errno := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, // room
		syscall.EROFS, syscall.EACCES, syscall.EPERM, // rights
	} {
		err := fmt.Errorf("%w: %w", run.ErrJournal, &os.PathError{Op: "write", Path: eventsFile, Err: errno})
		if got := exitCode(err); got != verdict.ExitIncomplete {
			t.Errorf("%v: exit code %d", err, got)
		}
	}
	if got := exitCode(unfit("--out", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})); got != verdict.ExitIncomplete {
		t.Errorf("no room for the first reports: exit code %d", got)
	}
}

func TestOnlyWhatAnotherFolderMendsIsWrongUsage(t *testing.T) {
	path := func(err error) error { return &os.PathError{Op: "mkdir", Path: "x", Err: err} }
	for _, c := range []struct {
		err  error
		want int
	}{
		{path(syscall.EACCES), verdict.ExitUsage}, {path(syscall.EPERM), verdict.ExitUsage}, {path(syscall.EROFS), verdict.ExitUsage},
		{path(syscall.ENOTDIR), verdict.ExitUsage}, {path(syscall.EEXIST), verdict.ExitUsage}, {path(syscall.ENOENT), verdict.ExitUsage},
		{path(syscall.ELOOP), verdict.ExitUsage}, {path(syscall.ENAMETOOLONG), verdict.ExitUsage}, {path(syscall.EINVAL), verdict.ExitUsage},
		{fmt.Errorf("lock: %w", syscall.ENOLCK), verdict.ExitUsage}, {fmt.Errorf("lock: %w", syscall.ENOTSUP), verdict.ExitUsage},
		{safefile.ErrNotRegular, verdict.ExitUsage}, {safefile.ErrNotFolder, verdict.ExitUsage}, {safefile.ErrOwner, verdict.ExitUsage},
		{safefile.ErrLinks, verdict.ExitUsage}, {safefile.ErrWritable, verdict.ExitUsage},
		{errors.New("template: index.html:3: no such field"), verdict.ExitHarness},
		{&json.UnsupportedValueError{Str: "NaN"}, verdict.ExitHarness},
		{path(syscall.EBADF), verdict.ExitHarness},
	} {
		err := unfit("--out", fmt.Errorf("write the reports: %w", c.err))
		if got := exitCode(err); got != c.want || strings.Contains(err.Error(), "name a folder") != (c.want == verdict.ExitUsage) {
			t.Errorf("exit code %d, want %d: %v", got, c.want, err)
		}
	}
}
