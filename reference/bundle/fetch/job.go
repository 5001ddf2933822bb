package fetch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// Fetch is a [bundle.Fetcher] that does the work in this process.
func Fetch(ctx context.Context, r bundle.Request) (bundle.Fetched, error) {
	s, err := bundle.OpenStore(r.Root, r.Name)
	if err != nil {
		return bundle.Fetched{}, err
	}
	j := job{Request: r, store: store{s}}
	version, skipped, err := j.run(ctx, r.Version)
	return bundle.Fetched{Version: version, Skipped: skipped}, err
}

// job brings one version of a git bundle for one caller.
//
//	lock, look again
//	  version asked for:  commit in the mirror?  -> write
//	  fetch all branches and tags, unless one that began after asked did so
//	  version asked for:  commit in the mirror?  -> write
//	                      fetch that commit      -> write
//	  none asked for:     resolve tracking_ref   -> write
//
// A mirror found to be damaged is moved away and fetched anew, once.
type job struct {
	bundle.Request
	store store
}

// damageError reports a mirror that cannot be relied on.
type damageError struct{ err error }

func (e *damageError) Error() string { return "mirror is damaged: " + e.err.Error() }
func (e *damageError) Unwrap() error { return e.err }

func damage(err error) error { return &damageError{err} }

func (j *job) run(ctx context.Context, version string) (id string, skipped []string, err error) {
	unlock, err := j.store.lock(ctx, j.LockTimeout)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	if version != "" && j.store.Has(version) {
		return version, nil, nil
	}
	if err := j.store.sweep(); err != nil {
		return "", nil, err
	}
	id, skipped, err = j.prepare(ctx, version)
	var damaged *damageError
	if errors.As(err, &damaged) {
		if err := moveAway(j.store); err != nil {
			return "", nil, err
		}
		j.Asked = bundle.BootTime() // what an earlier fetch brought is gone
		id, skipped, err = j.prepare(ctx, version)
	}
	return id, skipped, err
}

func (j *job) prepare(ctx context.Context, version string) (string, []string, error) {
	found, err := j.inMirror(version)
	if err != nil {
		return "", nil, err
	}
	if !found {
		if version, err = j.obtain(ctx, version); err != nil {
			return "", nil, err
		}
	}
	if j.store.Has(version) {
		return version, nil, nil
	}
	skipped, err := j.write(ctx, version)
	return version, skipped, err
}

// obtain brings the commit into the mirror and returns its id.
func (j *job) obtain(ctx context.Context, version string) (string, error) {
	if err := j.fetch(ctx, "all branches and tags", allRefs); err != nil {
		return "", err
	}
	if version == "" {
		return j.resolve()
	}
	found, err := j.inMirror(version)
	if found || err != nil {
		return version, err
	}
	// Only a commit that no branch or tag reaches costs a second connection.
	if err := j.fetch(ctx, "commit "+version, exactCommit(version)); err != nil {
		return "", fmt.Errorf("no branch or tag of %s reaches the commit; %w", redacted(j.Git), err)
	}
	found, err = j.inMirror(version)
	if !found && err == nil {
		err = fmt.Errorf("%s sent no such commit", redacted(j.Git))
	}
	return version, err
}

// inMirror reports whether the mirror holds the commit; false for "".
func (j *job) inMirror(version string) (bool, error) {
	if version == "" {
		return false, nil
	}
	m, err := openMirror(j.store)
	if err != nil {
		return false, err
	}
	defer m.close()
	return m.hasCommit(plumbing.NewHash(version))
}

func (j *job) resolve() (string, error) {
	m, err := openMirror(j.store)
	if err != nil {
		return "", err
	}
	defer m.close()
	return m.resolve(j.Git.TrackingRef)
}

// write puts the commit's tree below versions.
func (j *job) write(ctx context.Context, version string) ([]string, error) {
	m, err := openMirror(j.store)
	if err != nil {
		return nil, err
	}
	defer m.close()
	tree, err := m.tree(plumbing.NewHash(version))
	if err != nil {
		return nil, err
	}
	w := treeWriter{ctx: ctx, objects: m.storage, limits: j.Limits}
	if err := w.collect(tree, "", 0); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	staging := filepath.Join(j.store.Staging(), version+"."+strconv.FormatInt(int64(bundle.BootTime()), 36))
	if err := w.write(staging, j.store.Version(version)); err != nil {
		return nil, errors.Join(fmt.Errorf("write tree: %w", err), removeTree(staging))
	}
	return w.skipped, nil
}
