package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Programs are those that a supervisor starts, by absolute paths. See Find.
type Programs struct {
	Runner  string // executes tasks
	Keeper  string // understudy-keeper; only Serve needs it
	Fetcher string // understudy-fetcher; only git bundles need it. "" for the one beside this program
}

// Find returns the absolute path of a program that is there: the one given, or
// understudy-WHAT beside this program.
func Find(what, given string) (string, error) {
	if given == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find this program: %w", err)
		}
		given = filepath.Join(filepath.Dir(self), "understudy-"+what)
	}
	path, err := filepath.Abs(given)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", what, err)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("find %s: %w", what, err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return "", fmt.Errorf("find %s: %s is no executable file", what, path)
	}
	return path, nil
}

// killers are the programs that can carry a signal: understudy-runner beside this
// program, and the runner if it is one under that name.
func killers(runner string) []string {
	var list []string
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "understudy-runner")
		if unix.Access(beside, unix.X_OK) == nil {
			list = append(list, beside)
		}
	}
	if filepath.Base(runner) == "understudy-runner" && !slices.Contains(list, runner) {
		list = slices.Insert(list, 0, runner)
	}
	return list
}
