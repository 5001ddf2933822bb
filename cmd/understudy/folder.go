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
	"time"

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
	lockFile   = ".lock"             // locked by whoever writes here, and says who that is
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
	lock  *os.File
	fresh bool // made here, and still empty
}

// openFolder opens or makes the folder that a flag names. What it cannot do is
// wrong usage, apart from want of room.
func openFolder(path, flag string) (*folder, error) {
	_, err := os.Lstat(path)
	f := &folder{fresh: errors.Is(err, fs.ErrNotExist)}
	if f.Folder, err = safefile.MakeFolder(path, 0o755); err != nil {
		return nil, unfit(flag, err)
	}
	if err := f.take(flag); err != nil {
		return nil, errors.Join(err, f.Folder.Close())
	}
	if err := f.refuseForeign(flag); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// unfit is the error for a folder that cannot be used.
func unfit(flag string, err error) error {
	if lacking(err) {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return usage("%s: %w: name a folder that you may write", flag, err)
}

// take checks whose folder it is, and locks it or says who has it.
func (f *folder) take(flag string) error {
	if os.Geteuid() == 0 { // others could exchange what root writes there
		if err := f.Exclusive(); err != nil {
			return usage("%s: %w: as root name a folder that only root may write, or one that does not exist yet", flag, err)
		}
	}
	file, err := f.Append(lockFile, 0o644, safefile.Terms{OneLink: true})
	if err != nil {
		return unfit(flag, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return unfit(flag, fmt.Errorf("lock %s: %w", f.Path(lockFile), err))
		}
		return usage("%s: %s is in use by %s: wait for it, or name another folder", flag, f.Path(""), f.holder())
	}
	f.lock = file
	// Who it is helps whoever comes second, and nothing depends on it.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintf(file, "process %d since %s: understudy %s\n", os.Getpid(), time.Now().UTC().Format(time.RFC3339), strings.Join(os.Args[1:], " "))
	}
	return nil
}

// holder reads who has the lock.
func (f *folder) holder() string {
	text, err := f.Read(lockFile, 64<<10, safefile.Terms{})
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return visible.Short(string(text), 300)
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

// publish replaces the reports, all or none.
func (f *folder) publish(m verdict.Model) error {
	err := reports.Write(f.Folder, m)
	f.fresh = f.fresh && err != nil
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

// close lets others in. A folder that was made here and not used goes again.
func (f *folder) close() {
	if f.fresh && f.Remove(lockFile) == nil {
		_ = os.Remove(f.Path("")) // fails where something is in it
	}
	_ = f.lock.Close()
	_ = f.Folder.Close()
}
