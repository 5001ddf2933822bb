package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/safefile"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// lockFile is locked by whoever writes into a folder, and says who that is.
const lockFile = ".lock"

// lockWords begin what it says. A file that says something else is not ours.
const lockWords = "process "

// errInUse is the error for a folder that another process has locked.
var errInUse = errors.New("in use")

// take locks the folder or says who has it. The lock file is written when it is locked,
// and known to be none of somebody else's.
func (f *folder) take(flag string) error {
	_, err := f.Lstat(lockFile)
	f.locked = errors.Is(err, fs.ErrNotExist)
	file, err := f.Append(lockFile, 0o644, safefile.Terms{OneLink: true})
	if err != nil {
		return unfit(flag, err)
	}
	if err := f.hold(file, unix.LOCK_EX, flag); err != nil {
		return err
	}
	if err := f.refuseStrangeLock(flag); err != nil {
		return errors.Join(err, file.Close())
	}
	// Who it is helps whoever comes second, and nothing depends on it.
	if file.Truncate(0) == nil {
		_, _ = fmt.Fprintf(file, "%s%d since %s: understudy %s\n", lockWords, os.Getpid(), time.Now().UTC().Format(time.RFC3339), strings.Join(os.Args[1:], " "))
	}
	return nil
}

// hold locks the open file for this process. One that lost its name before it was
// locked counts for nothing (fs.ErrNotExist): the next process makes another.
func (f *folder) hold(file *os.File, how int, flag string) error {
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = usage("%s: %s is %w by %s: wait for it, or name another folder", flag, f.Path(""), errInUse, f.holder())
	case err != nil:
		err = unfit(flag, fmt.Errorf("lock %s: %w", f.Path(lockFile), err))
	case !f.Is(lockFile, file):
		err = unfit(flag, fmt.Errorf("%s was removed while it was locked: %w", f.Path(lockFile), fs.ErrNotExist))
	default:
		f.lock = file
		return nil
	}
	return errors.Join(err, file.Close())
}

// holder reads who has the lock.
func (f *folder) holder() string {
	text, err := f.Read(lockFile, 64<<10, safefile.Terms{})
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return visible.Short(strings.TrimSpace(string(text)), 300)
}

// refuseStrangeLock refuses a lock file that no run wrote. It is locked, so that no run removes it meanwhile.
func (f *folder) refuseStrangeLock(flag string) error {
	info, err := f.Lstat(lockFile)
	if err != nil {
		return unfit(flag, err)
	}
	if info.Size == 0 || f.begins(lockFile, lockWords) {
		return nil
	}
	return usage("%s: %s is of no run of Understudy: name another folder, or remove it", flag, f.Path(lockFile))
}

// readFolder keeps runs from beginning in a folder that is read, until what it returns
// is closed, and says who writes there. Where no run has been, or nothing can be
// locked, there is nothing to hold: the file is nil.
func readFolder(dir string) (*os.File, error) {
	d, err := safefile.OpenFolder(dir)
	if err != nil {
		return nil, usage("read the journal of a run: %w: name the --out folder of a run", err)
	}
	defer d.Close()
	file, err := d.Open(lockFile, safefile.Terms{})
	if err != nil {
		return nil, nil
	}
	f := folder{Folder: d}
	if err := f.hold(file, unix.LOCK_SH, "DIR"); errors.Is(err, errInUse) {
		return nil, err
	}
	return f.lock, nil
}
