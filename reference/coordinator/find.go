package coordinator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files and folders one search looks at.
const maxFiles = 100_000

// maxRejected is how many files NotFoundError names.
const maxRejected = 20

// NotFoundError reports that no bundle has the Dag, or none that could be used.
type NotFoundError struct {
	DagID    string
	Roots    []string
	Rejected []error // files that are bundles, or should be, and why they do not count
	More     int     // how many others there were
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no usable executable bundle with Dag %q in %s", e.DagID, strings.Join(e.Roots, ", "))
	for i, reason := range e.Rejected {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&b, "%s%v", separator, reason)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "; and %d more", e.More)
	}
	return b.String()
}

// Unwrap returns the reasons, so that callers can ask for a kind of them.
func (e *NotFoundError) Unwrap() []error { return e.Rejected }

// Find returns the first bundle below the roots whose manifest names the Dag, in
// the order of roots and then of names. Folders are searched with all that is in
// them, symbolic links included. A bundle that does not hold what it promises is
// passed over; if no other has the Dag, *NotFoundError says why.
func (l *Library) Find(ctx context.Context, roots []string, dagID string) (*Artifact, error) {
	s := &search{library: l, ctx: ctx, dagID: dagID, seen: map[[2]uint64]bool{}, failure: &NotFoundError{DagID: dagID, Roots: roots}}
	for _, root := range roots {
		a, err := s.look(root)
		if a != nil || err != nil {
			return a, err
		}
	}
	return nil, s.failure
}

type search struct {
	library *Library
	ctx     context.Context
	dagID   string
	files   int
	seen    map[[2]uint64]bool // folders, by device and inode
	failure *NotFoundError
}

// look returns the bundle at path or below it, nil if there is none.
func (s *search) look(path string) (*Artifact, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("search for bundle of Dag %q: %w", s.dagID, err)
	}
	if s.files++; s.files > maxFiles {
		return nil, fmt.Errorf("search for bundle of Dag %q: more than %d files in %s", s.dagID, maxFiles, strings.Join(s.failure.Roots, ", "))
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		s.reject(err)
		return nil, nil
	case info.IsDir():
		return s.descend(path)
	case !info.Mode().IsRegular():
		return nil, nil
	}
	a, err := s.try(path)
	if err != nil && s.ctx.Err() == nil {
		if !errors.Is(err, ErrNoBundle) {
			s.reject(err)
		}
		return nil, nil
	}
	return a, err
}

func (s *search) descend(path string) (*Artifact, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		s.reject(&os.PathError{Op: "stat", Path: path, Err: err})
		return nil, nil
	}
	id := [2]uint64{stat.Dev, stat.Ino}
	if s.seen[id] {
		return nil, nil
	}
	s.seen[id] = true
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		s.reject(err)
	}
	for _, entry := range entries {
		if entry.Type()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0 {
			continue
		}
		a, err := s.look(filepath.Join(path, entry.Name()))
		if a != nil || err != nil {
			return a, err
		}
	}
	return nil, nil
}

// try looks into the file before it is copied and hashed: most files are bundles
// of other Dags. What counts is what Open finds.
func (s *search) try(path string) (*Artifact, error) {
	has, err := s.promises(path)
	if err != nil || !has {
		return nil, err
	}
	a, err := s.library.Open(s.ctx, path)
	if err != nil {
		return nil, err
	}
	if _, there := a.Manifest.Dags[s.dagID]; !there { // the file was exchanged meanwhile
		a.Close()
		return nil, fmt.Errorf("bundle %s: it has no Dag %q any more", path, s.dagID)
	}
	return a, nil
}

func (s *search) promises(path string) (bool, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	footer, err := ReadFooter(file, info.Size())
	if err != nil {
		return false, fmt.Errorf("bundle %s: %w", path, err)
	}
	manifest, err := footer.ReadManifest(file)
	if err != nil {
		return false, fmt.Errorf("bundle %s: %w", path, err)
	}
	_, has := manifest.Dags[s.dagID]
	return has, nil
}

func (s *search) reject(reason error) {
	if len(s.failure.Rejected) == maxRejected {
		s.failure.More++
		return
	}
	s.failure.Rejected = append(s.failure.Rejected, reason)
}
