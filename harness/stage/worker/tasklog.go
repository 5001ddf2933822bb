package worker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// taskLog is the task log file. It lies in a folder of the worker account, where the
// implementation, or a task, can put anything. Nothing is followed there, nothing
// waited for, and only a file of an account of the sandbox is shown: the stage is
// root, and a report is for everybody.
type taskLog struct {
	*stage.Conversation
	name  string                  // log_path of the workload
	plant func(path string) error // unless nil, what lies there is not the implementation's doing
}

func newTaskLog(c *stage.Conversation, plant func(string) error) *taskLog {
	return &taskLog{Conversation: c, name: c.Label() + ".log", plant: plant}
}

// below is the file below the folder of the case.
func (l *taskLog) below() string { return filepath.Join("logs", l.name) }

func (l *taskLog) path() string { return l.Backstage().Path(l.below()) }

// Whole is true: a supervisor collects in it what the task prints.
func (l *taskLog) Whole() bool { return true }

// Text returns what of the task log can be read, and why that is not all: of one that is
// too large its beginning.
func (l *taskLog) Text() (string, error) {
	worker, err := account.Find(l.Task().Worker)
	if err != nil {
		return "", err
	}
	owners := []int{worker.UID} // whose it has to be is for a scenario to say
	for uid := range account.ByUID() {
		owners = append(owners, uid)
	}
	slices.Sort(owners)
	file, err := l.Backstage().Folder().Open(l.below(), safefile.Terms{Owners: slices.Compact(owners), OneLink: true})
	if err != nil {
		return "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, stage.MaxKept+1))
	if err == nil && len(raw) > stage.MaxKept {
		raw, err = raw[:stage.MaxKept], fmt.Errorf("%s holds more than the %d octets that are kept: %w", l.path(), stage.MaxKept, safefile.ErrTooLarge)
	}
	return string(raw), err
}

// Require ends the scenario if something else than a file lies where the task log
// belongs: no check of a log could be trusted.
func (l *taskLog) Require() {
	if l.plant != nil {
		return
	}
	_, err := l.Text()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, safefile.ErrTooLarge) {
		l.noFile(l.problem())
	}
}

func (l *taskLog) noFile(problem string) {
	l.Violated("the task log is no file of the worker account",
		"a regular file with one name, owned by the worker account, at base_log_folder/log_path", problem)
}

// LogFile says who may do what with a task log, and which file it is.
type LogFile struct {
	Owner, Mode   string
	Device, Inode uint64
}

// described looks at the file.
func (l *taskLog) described() LogFile {
	info, err := l.Backstage().Folder().Lstat(l.below())
	if err == nil && !info.Mode.IsRegular() {
		_, err = l.Text()
	}
	if err != nil {
		l.misplaced(l.problem())
	}
	return LogFile{
		Owner: fmt.Sprintf("uid %d gid %d", info.UID, info.GID), Mode: fmt.Sprintf("%04o", info.Mode.Perm()),
		Device: info.Device, Inode: info.Inode,
	}
}

// move puts the file where that of another attempt belongs. What lies in its place
// afterwards is not the implementation's doing.
func (l *taskLog) move(path string) error {
	l.plant = func(string) error { return nil }
	return os.Rename(l.path(), path)
}

func (l *taskLog) misplaced(problem string) {
	l.Violated("the task log is not where it belongs", "a file at base_log_folder/log_path", problem)
}

// unlessPlanted is the problem of the log, if it is the implementation's.
func (l *taskLog) unlessPlanted() string {
	if l.plant != nil {
		return ""
	}
	return l.problem()
}

// problem says what lies in the place of the task log, and "" if that is a file.
func (l *taskLog) problem() string {
	_, err := l.Text()
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("no task log of %s at %s; below base_log_folder lies %s", l.Label(), l.path(), listLogs(l.Backstage().Folder()))
	}
	return fmt.Sprintf("task log of %s: %v", l.Label(), err)
}

// Bounds of a list of what lies below base_log_folder.
const (
	maxListed     = 20 // files
	maxListedDeep = 6  // folders below one another
	maxListedDir  = 200
)

func listLogs(ofCase *safefile.Folder) string {
	var names []string
	more := false
	var list func(folder *safefile.Folder, below string, deep int)
	list = func(folder *safefile.Folder, below string, deep int) {
		entries, err := folder.Entries(maxListedDir)
		if err != nil {
			names = append(names, fmt.Sprintf("%s (%v)", below, err))
			return
		}
		more = more || len(entries) == maxListedDir
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		for _, entry := range entries {
			name := filepath.Join(below, entry.Name())
			if len(names) >= maxListed {
				more = true
				return
			}
			sub, err := folder.Sub(entry.Name())
			switch {
			case err != nil && entry.Type().IsRegular():
				names = append(names, name)
			case err != nil:
				names = append(names, fmt.Sprintf("%s (%s)", name, safefile.Kind(entry.Type())))
			case deep == maxListedDeep:
				more = true
				sub.Close()
			default:
				list(sub, name, deep+1)
				sub.Close()
			}
		}
	}
	logs, err := ofCase.Sub("logs")
	if err != nil {
		return err.Error()
	}
	defer logs.Close()
	list(logs, "", 0)
	switch {
	case len(names) == 0 && !more:
		return "nothing"
	case more:
		names = append(names, "and more")
	}
	return strings.Join(names, ", ")
}
