package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Policy says what Prune removes. The zero Policy removes nothing.
type Policy struct {
	All       bool
	OlderThan time.Duration // what was not used for so long; 0 for no bound
	Keep      int64         // octets that may stay: what was not used for the longest time goes first; 0 for no bound
}

// Pruned is what Prune did.
type Pruned struct {
	Removed, Left int   // entries
	InUse         int   // of Left: they should have gone, and a process uses them
	Freed, Size   int64 // octets that went, and that are there still
}

// stored is an entry with all that lies beside it.
type stored struct {
	path  string   // of the entry, which need not exist
	files []string // what there is of it
	size  int64
	used  time.Time
}

// Prune removes the entries that the patterns name, relative to the folder, and that the policy
// does not spare. What a process uses or makes stays.
func (f *Folder) Prune(patterns []string, policy Policy) (done Pruned, err error) {
	all, err := f.list(patterns)
	if err != nil {
		return done, err
	}
	for _, s := range all {
		done.Size += s.size
	}
	done.Left = len(all)
	var problems []error
	for _, s := range all {
		old := policy.OlderThan > 0 && time.Since(s.used) > policy.OlderThan
		large := policy.Keep > 0 && done.Size > policy.Keep
		if !policy.All && !old && !large {
			continue
		}
		switch removed, err := s.remove(); {
		case err != nil:
			problems = append(problems, err)
		case !removed:
			done.InUse++
		default:
			done.Removed++
			done.Left--
			done.Freed += s.size
			done.Size -= s.size
		}
	}
	for _, pattern := range patterns {
		if part := filepath.Dir(pattern); part != "." {
			_ = os.Remove(filepath.Join(f.dir, part)) // if it is empty
		}
	}
	return done, errors.Join(problems...)
}

// Sweep removes what was left half made by processes that were killed: Removed and Freed say how much
// that was. What another process is making now stays.
func (f *Folder) Sweep(patterns []string) (done Pruned, err error) {
	all, err := f.list(patterns)
	if err != nil {
		return done, err
	}
	var problems []error
	for _, s := range all {
		half := stored{path: s.path}
		for _, path := range s.files {
			if strings.HasSuffix(path, partialSuffix) {
				problems = append(problems, half.add(path))
			}
		}
		if len(half.files) == 0 {
			continue
		}
		swept, err := half.remove()
		if swept {
			done.Removed++
			done.Freed += half.size
		}
		problems = append(problems, err)
	}
	return done, errors.Join(problems...)
}

// list returns the entries, that which was not used for the longest time first.
func (f *Folder) list(patterns []string) ([]stored, error) {
	found := map[string]*stored{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(f.dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", pattern, err)
		}
		for _, path := range paths {
			name := entryOf(path)
			if found[name] == nil {
				found[name] = &stored{path: name}
			}
			if err := found[name].add(path); err != nil {
				return nil, err
			}
		}
	}
	var all []stored
	for _, s := range found {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b stored) int {
		if by := a.used.Compare(b.used); by != 0 {
			return by
		}
		return strings.Compare(a.path, b.path)
	})
	return all, nil
}

// entryOf returns the path of the entry to which a file belongs.
func entryOf(path string) string {
	for {
		name := path
		for _, suffix := range []string{partialSuffix, recordSuffix, logSuffix, lockSuffix, refreshSuffix} {
			name = strings.TrimSuffix(name, suffix)
		}
		if name == path {
			return path
		}
		path = name
	}
}

// add counts a file or folder to the entry.
func (s *stored) add(path string) error {
	s.files = append(s.files, path)
	err := walk(path, func(_, _ string, info fs.FileInfo) error {
		if info.Mode().IsRegular() {
			s.size += info.Size()
		}
		return nil
	})
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Lstat(path); err == nil && info.ModTime().After(s.used) {
			s.used = info.ModTime()
		}
	}
	// What is moved or removed meanwhile, or closed to this user, has no size that counts.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// remove removes the files of the entry, unless a process uses or makes it. The lock goes with the
// entry, and last.
func (s stored) remove() (bool, error) {
	lock := flock.New(s.path + lockSuffix)
	defer lock.Close()
	if free, err := lock.TryLock(); err != nil {
		return false, unremovable(s.path, err)
	} else if !free {
		return false, nil
	}
	for _, path := range s.files {
		if path == s.path+lockSuffix {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return false, unremovable(path, err)
		}
	}
	if _, err := os.Lstat(s.path); err == nil {
		return true, nil
	}
	if err := os.Remove(s.path + lockSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, unremovable(s.path, err)
	}
	return true, nil
}

func unremovable(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("remove %s: %w: %w: was it made by root?", path, ErrUnwritable, err)
	}
	return Unwritable("remove "+path, err)
}
