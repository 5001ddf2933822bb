package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// Files of a report folder besides the reports.
const (
	eventsFile = "events.jsonl"
	knownFile  = "expectations.yaml" // the list that the verdicts were computed with
)

// Folders that runs with a default --out make inside the folder of another run.
const (
	selectedFolder = "selected"
	selftestFolder = "selftest"
)

// leftovers are what a run leaves besides its reports, its journal and its list; those that begin
// with a dot a killed one.
var leftovers = regexp.MustCompile(`^(sandbox-[0-9]+\.log|\.(index\.html|result\.json|junit\.xml|expectations\.yaml|sandbox-[0-9]+\.log)-[A-Z2-7]+)$`)

// maxEntries bounds how much of a folder is looked at.
const maxEntries = 100_000

// folder is the place of one run: a folder that is held open and locked, so that
// no two write into it, and that holds nothing of anybody else's, unless a run
// wrote into it before.
type folder struct {
	*safefile.Folder
	lock   *os.File
	fresh  bool // made here
	locked bool // the lock file was made here
	used   bool // reports were written
}

// openFolder opens or makes the folder that a flag names. What it cannot do is
// mostly wrong usage (unfit). Nothing is written into a folder that is refused.
func openFolder(path, flag string) (f *folder, err error) {
	for range 1000 { // others that made it and do not use it remove it, at any moment
		if f, err = tryFolder(path, flag); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, err
}

func tryFolder(path, flag string) (*folder, error) {
	_, err := os.Lstat(path)
	f := &folder{fresh: errors.Is(err, fs.ErrNotExist)}
	if f.Folder, err = safefile.MakeFolder(path, 0o755); err != nil {
		return nil, unfit(flag, err)
	}
	for _, step := range []func(flag string) error{f.refuseOwners, f.refuseForeign, f.take} {
		if err := step(flag); err != nil {
			return nil, errors.Join(err, f.Folder.Close())
		}
	}
	return f, nil
}

// unfit is the error for what could not be done in a folder: wrong usage where another
// folder is the remedy, otherwise what it is anywhere (exitCode).
func unfit(flag string, err error) error {
	if !denied(err) && !slices.ContainsFunc(unfitting, func(reason error) bool { return errors.Is(err, reason) }) {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return usage("%s: %w: name a folder that you may write", flag, err)
}

// unfitting are what it is about a folder besides rights: kind and owner of what is
// there, its name, and a file system that has no locks.
var unfitting = []error{
	safefile.ErrNotRegular, safefile.ErrNotFolder, safefile.ErrOwner, safefile.ErrLinks, safefile.ErrWritable, safefile.ErrName,
	fs.ErrExist, fs.ErrNotExist, unix.ENOTDIR, unix.EISDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.EINVAL, unix.ENOLCK, unix.ENOTSUP,
}

// refuseOwners refuses, to root, a folder in which others could exchange what root writes.
func (f *folder) refuseOwners(flag string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := f.Exclusive(); err != nil {
		return usage("%s: %w: as root name a folder that only root may write, or one that does not exist yet", flag, err)
	}
	return nil
}

// refuseForeign refuses a folder in which files of somebody else could be replaced.
func (f *folder) refuseForeign(flag string) error {
	entries, err := f.Entries(maxEntries)
	if err != nil {
		return unfit(flag, err)
	}
	var foreign []string
	for _, e := range entries {
		if name := e.Name(); name != lockFile && name != selectedFolder && name != selftestFolder && !leftovers.MatchString(name) {
			foreign = append(foreign, visible.Short(name, 80))
		}
	}
	if len(foreign) == 0 || f.begins(eventsFile, `{"kind":"`) || f.begins(reports.JSON, "{\n \"schema\": ") {
		return nil
	}
	slices.Sort(foreign)
	if n := len(foreign); n > 5 {
		foreign = append(foreign[:5], fmt.Sprintf("%d more", n-5))
	}
	return usage("%s: %s holds files that are of no run of Understudy (%s), and nothing of a run: name another folder, or empty this one", flag, f.Path(""), strings.Join(foreign, ", "))
}

// begins says whether the file is a regular one that begins with the text.
func (f *folder) begins(name, text string) bool {
	file, err := f.Open(name, safefile.Terms{})
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, len(text))
	_, err = io.ReadFull(file, head)
	return err == nil && string(head) == text
}

// publish replaces the reports, none before all are written.
func (f *folder) publish(m verdict.Model) error {
	err := reports.Write(f.Folder, m)
	f.used = f.used || err == nil
	return err
}

// clear removes what an earlier run left, apart from its reports.
func (f *folder) clear() error {
	entries, err := f.Entries(maxEntries)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name == eventsFile || name == knownFile || leftovers.MatchString(name) {
			if err := f.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// close lets others in. A folder that was not used is left as it was: what was made
// here goes again, while it is still locked.
func (f *folder) close() {
	if !f.used && f.locked && f.Remove(lockFile) == nil && f.fresh {
		_ = unix.Rmdir(f.Path("")) // fails where something is in it
	}
	_ = f.lock.Close()
	_ = f.Folder.Close()
}
