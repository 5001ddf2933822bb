package bundle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Preparer makes bundles available. Its fields are not changed after the first
// call; Prepare may be called by many goroutines and many processes at once.
type Preparer struct {
	Root  string  // storage directory of git bundles, absolute; created if absent
	Fetch Fetcher // brings versions that are not there
	Bounds

	turns sync.Map // name of a bundle: chan struct{} of one, full while somebody fetches
}

// Tree is a prepared bundle.
type Tree struct {
	Path    string   // directory that holds the bundle's files
	Version string   // commit; "" for a local bundle
	Skipped []string // submodules that were left out, by path, the first 100; known only to the call that wrote the tree
}

// Error reports a bundle that could not be prepared.
type Error struct {
	Bundle  string
	Version string // as asked for; "" when none was
	Err     error  // what was tried, and why it failed
}

func (e *Error) Error() string {
	if e.Version == "" {
		return fmt.Sprintf("prepare bundle %q: %v", e.Bundle, e.Err)
	}
	return fmt.Sprintf("prepare bundle %q version %.80q: %v", e.Bundle, e.Version, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Prepare makes one version of a bundle available; "" stands for the newest, of
// a git bundle the commit that its tracking_ref names upstream at this time.
// All errors are *Error.
func (p *Preparer) Prepare(ctx context.Context, def Definition, version string) (Tree, error) {
	var tree Tree
	var err error
	if def.Local != nil {
		tree, err = def.Local.tree(version)
	} else {
		tree, err = p.git(ctx, def.Name, def.Git, version)
	}
	if err != nil {
		return Tree{}, &Error{Bundle: def.Name, Version: version, Err: err}
	}
	return tree, nil
}

func (l *Local) tree(version string) (Tree, error) {
	if version != "" {
		return Tree{}, errors.New("a local bundle has no versions")
	}
	info, err := os.Stat(l.Path)
	if err != nil {
		return Tree{}, fmt.Errorf("look at the directory: %w", err)
	}
	if !info.IsDir() {
		return Tree{}, fmt.Errorf("path %s is not a directory", l.Path)
	}
	return Tree{Path: l.Path}, nil
}

func (p *Preparer) git(ctx context.Context, name string, g *Git, version string) (Tree, error) {
	asked := BootTime()
	if version != "" {
		id, err := parseVersion(version)
		if err != nil {
			return Tree{}, err
		}
		version = id
	}
	store, err := OpenStore(p.Root, name)
	if err != nil {
		return Tree{}, err
	}
	fetched := Fetched{Version: version}
	if version == "" || !store.Has(version) {
		fetched, err = p.fetch(ctx, store, Request{Root: p.Root, Name: name, Git: *g, Version: version, Asked: asked, Bounds: p.WithDefaults()})
		if err != nil {
			return Tree{}, err
		}
	}
	tree, err := g.tree(store, fetched.Version)
	tree.Skipped = fetched.Skipped
	return tree, err
}

// fetch has a version fetched, one of a bundle at a time: to wait for the lock takes a program each.
func (p *Preparer) fetch(ctx context.Context, store *Store, r Request) (Fetched, error) {
	value, _ := p.turns.LoadOrStore(r.Name, make(chan struct{}, 1))
	turn := value.(chan struct{})
	timeout := time.NewTimer(r.LockTimeout)
	defer timeout.Stop()
	select {
	case turn <- struct{}{}:
	case <-timeout.C:
		return Fetched{}, fmt.Errorf("other tasks of this supervisor prepare the bundle: not done within %v", r.LockTimeout)
	case <-ctx.Done():
		return Fetched{}, ctx.Err()
	}
	defer func() { <-turn }()
	if r.Version != "" && store.Has(r.Version) {
		return Fetched{Version: r.Version}, nil
	}
	fetched, err := p.Fetch(ctx, r)
	if err != nil {
		return Fetched{}, err
	}
	if !IsCommitID(fetched.Version) || r.Version != "" && fetched.Version != r.Version || !store.Has(fetched.Version) {
		return Fetched{}, fmt.Errorf("what was fetched is version %.80q, which is not the one asked for, or not in %s", fetched.Version, store.versions())
	}
	return fetched, nil
}

// tree is the version's directory, or the part of it that the bundle consists of.
func (g *Git) tree(store *Store, version string) (Tree, error) {
	dir := store.Version(version)
	if g.Subdir == "" {
		return Tree{Path: dir, Version: version}, nil
	}
	root, err := os.OpenRoot(dir) // a symbolic link must not lead out of the version
	if err != nil {
		return Tree{}, fmt.Errorf("open version: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(g.Subdir)
	if err != nil {
		return Tree{}, fmt.Errorf("look at subdir: %w", err)
	}
	if !info.IsDir() {
		return Tree{}, fmt.Errorf("subdir %q is not a directory", g.Subdir)
	}
	return Tree{Path: filepath.Join(dir, g.Subdir), Version: version}, nil
}
