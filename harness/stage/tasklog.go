package stage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/internal/safefile"
)

// The task log of role worker lies in a folder of the worker account, where the
// implementation, or a task, can put anything. Nothing is followed there, nothing
// waited for, and only a file of an account of the sandbox is shown: the stage is
// root, and a report is for everybody.

// LogPath is the path at which the task log belongs (role worker).
func (r *Run) LogPath() string { return r.stage.Path(r.taskLog) }

// LogFile describes who may do what with the task log file (role worker). That
// there is none is a violation.
func (r *Run) LogFile() string {
	info, err := r.stage.folder.Lstat(r.taskLog)
	if err == nil && !info.Mode.IsRegular() {
		_, err = r.readTaskLog()
	}
	if err != nil {
		r.misplaced(r.logProblem())
	}
	return fmt.Sprintf("uid %d gid %d mode %04o", info.UID, info.GID, info.Mode.Perm())
}

func (r *Run) misplaced(problem string) {
	r.stage.violated(r.stage.first(), "the task log is not where it belongs", "a file at base_log_folder/log_path", problem)
}

// readTaskLog returns what of the task log can be read, and why that is not all: of
// one that is too large (safefile.ErrTooLarge) its beginning. A log that is not
// written yet is fs.ErrNotExist.
func (r *Run) readTaskLog() (string, error) {
	worker, err := account.Find(workerOf(r.task))
	if err != nil {
		return "", err
	}
	owners := []int{worker.UID} // whose it has to be is for a scenario to say
	for uid := range account.ByUID() {
		owners = append(owners, uid)
	}
	slices.Sort(owners)
	file, err := r.stage.folder.Open(r.taskLog, safefile.Terms{Owners: slices.Compact(owners), OneLink: true})
	if err != nil {
		return "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxKept+1))
	if err == nil && len(raw) > maxKept {
		raw, err = raw[:maxKept], fmt.Errorf("%s holds more than the %d octets that are kept: %w", r.LogPath(), maxKept, safefile.ErrTooLarge)
	}
	return string(raw), err
}

// requireTaskLogOfOurs ends the scenario if something else than a file lies where
// the task log belongs: no check of a log could be trusted.
func (r *Run) requireTaskLogOfOurs() {
	if r.taskLog == "" || r.task.PlantLog != nil {
		return
	}
	_, err := r.readTaskLog()
	r.requireWhole(err)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.noFile(r.logProblem())
	}
}

// requireWhole ends the scenario if a task log was too large to be read to its end: a
// text of which the end is missing could hold what a check says is not there.
func (r *Run) requireWhole(err error) {
	if errors.Is(err, safefile.ErrTooLarge) {
		r.stage.broken("task log of %s: %v: no check of it can be trusted", r.label, err)
	}
}

func (r *Run) noFile(problem string) {
	r.stage.violated(r.stage.first(), "the task log is no file of the worker account",
		"a regular file with one name, owned by the worker account, at base_log_folder/log_path", problem)
}

// logProblems says of each run that has ended without a task log that there is
// none, for violations: an empty text says nothing of a file at a wrong path.
func (s *Stage) logProblems() string {
	var problems []string
	for _, r := range s.allRuns() {
		if r.taskLog != "" && r.task.PlantLog == nil && r.Ended() {
			if problem := r.logProblem(); problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	return strings.Join(problems, "\n")
}

// logProblem says what lies in the place of the task log, and "" if that is a file.
func (r *Run) logProblem() string {
	_, err := r.readTaskLog()
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("no task log of %s at %s; below base_log_folder lies %s", r.label, r.LogPath(), r.stage.listLogs())
	}
	return fmt.Sprintf("task log of %s: %v", r.label, err)
}

// Bounds of a list of what lies below base_log_folder.
const (
	maxListed     = 20 // files
	maxListedDeep = 6  // folders below one another
	maxListedDir  = 200
)

func (s *Stage) listLogs() string {
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
	logs, err := s.folder.Sub("logs")
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
