package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

// Memory of one opened mirror: decoded objects kept for the deltas that refer to
// them, and the size above which an object is streamed.
const (
	objectCache = 32 * cache.MiByte
	largeObject = 1 << 20
)

var allRefs = []config.RefSpec{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}

func exactCommit(id string) []config.RefSpec {
	return []config.RefSpec{config.RefSpec("+" + id + ":refs/versions/" + id)}
}

// mirror is the bare repository of a bundle, opened once. A storage reads its
// list of packs only once and must not be shared between goroutines, so it is
// opened anew after each fetch.
type mirror struct {
	storage *filesystem.Storage
	repo    *git.Repository
}

// openMirror opens the mirror, making an empty one if there is none. One that
// cannot be opened is a damageError.
func openMirror(s store) (*mirror, error) {
	err := os.Mkdir(s.mirror(), 0o700)
	fresh := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make mirror: %w", err)
	}
	storage := filesystem.NewStorageWithOptions(osfs.New(s.mirror(), osfs.WithBoundOS()), cache.NewObjectLRU(objectCache),
		filesystem.Options{KeepDescriptors: true, LargeObjectThreshold: largeObject})
	if fresh {
		repo, err := git.Init(storage, nil)
		if err != nil {
			return nil, fmt.Errorf("make mirror: %w", err)
		}
		return &mirror{storage, repo}, nil
	}
	repo, err := git.Open(storage, nil)
	if err != nil {
		_ = storage.Close()
		return nil, damage(fmt.Errorf("open %s: %w", s.mirror(), err))
	}
	return &mirror{storage, repo}, nil
}

func (m *mirror) close() { _ = m.storage.Close() }

// moveAway puts the mirror where the next preparation sweeps it.
func moveAway(s store) error {
	aside := filepath.Join(s.Staging(), "damaged."+strconv.FormatInt(int64(bundle.BootTime()), 36))
	if err := os.Rename(s.mirror(), aside); err != nil {
		return fmt.Errorf("move damaged mirror away: %w", err)
	}
	return nil
}

func (m *mirror) hasCommit(id plumbing.Hash) (bool, error) {
	_, err := object.GetCommit(m.storage, id)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return false, nil
	}
	return false, damage(fmt.Errorf("read commit %s: %w", id, err))
}

func (m *mirror) tree(commit plumbing.Hash) (*object.Tree, error) {
	c, err := object.GetCommit(m.storage, commit)
	if err != nil {
		return nil, damage(fmt.Errorf("read commit %s: %w", commit, err))
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, damage(fmt.Errorf("read tree of commit %s: %w", commit, err))
	}
	return tree, nil
}

// resolve finds the commit that a branch, tag, full reference or commit id
// stands for, a branch before a tag of the same name.
func (m *mirror) resolve(ref string) (string, error) {
	if bundle.IsCommitID(ref) {
		found, err := m.hasCommit(plumbing.NewHash(ref))
		if !found && err == nil {
			err = fmt.Errorf("tracking_ref %s: no branch or tag reaches this commit", ref)
		}
		return ref, err
	}
	names := []plumbing.ReferenceName{plumbing.NewBranchReferenceName(ref), plumbing.NewTagReferenceName(ref)}
	if strings.HasPrefix(ref, "refs/") {
		names = []plumbing.ReferenceName{plumbing.ReferenceName(ref)}
	}
	for _, name := range names {
		target, err := m.storage.Reference(name)
		if errors.Is(err, plumbing.ErrReferenceNotFound) {
			continue
		}
		if err != nil {
			return "", damage(fmt.Errorf("read reference %s: %w", name, err))
		}
		return m.peel(name, target.Hash())
	}
	return "", fmt.Errorf("tracking_ref %q is neither a branch nor a tag of the repository", ref)
}

// peel follows annotated tags to their commit.
func (m *mirror) peel(name plumbing.ReferenceName, id plumbing.Hash) (string, error) {
	tag, err := object.GetTag(m.storage, id)
	if err == nil {
		commit, err := tag.Commit()
		if err != nil {
			return "", fmt.Errorf("tag %s names no commit: %w", name, err)
		}
		id = commit.Hash
	}
	found, err := m.hasCommit(id)
	if !found && err == nil {
		err = damage(fmt.Errorf("reference %s names commit %s: %w", name, id, plumbing.ErrObjectNotFound))
	}
	return id.String(), err
}

// dropBrokenRefs removes references whose objects are missing. Were one left,
// the next fetch would ask for the whole history again.
func (m *mirror) dropBrokenRefs() error {
	refs, err := m.storage.IterReferences()
	if err != nil {
		return damage(fmt.Errorf("list references: %w", err))
	}
	defer refs.Close()
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() != plumbing.HashReference || m.storage.HasEncodedObject(ref.Hash()) == nil {
			return nil
		}
		return m.storage.RemoveReference(ref.Name())
	})
	if err != nil {
		return damage(fmt.Errorf("check references: %w", err))
	}
	return nil
}

// fetch asks upstream for what refs say, unless another process did so after
// this job's caller came. A failure is tried once more, after a pause; its
// outcome stands for everybody who waits.
func (j *job) fetch(ctx context.Context, what string, refs []config.RefSpec) error {
	what = fmt.Sprintf("fetch %s of %s", what, redacted(j.Git))
	if last, ok := j.store.since(j.Asked, what); ok {
		if last.Error != "" {
			return errors.New(last.Error)
		}
		return nil
	}
	started := bundle.BootTime()
	err := j.connect(ctx, refs)
	if err != nil && retryable(ctx, err) {
		select {
		case <-time.After(j.RetryAfter):
			err = j.connect(ctx, refs)
		case <-ctx.Done():
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", what, &cutError{explain(err)})
		if ctx.Err() != nil { // this caller gave up; that is no news for others
			return err
		}
	}
	var damaged *damageError
	if errors.As(err, &damaged) {
		return err
	}
	return errors.Join(err, j.store.record(what, started, err))
}

// connect makes one connection to the upstream repository.
func (j *job) connect(ctx context.Context, refs []config.RefSpec) error {
	m, err := openMirror(j.store)
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.dropBrokenRefs(); err != nil {
		return err
	}
	address, auth := remote(j.Git)
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	upstream := git.NewRemote(m.storage, &config.RemoteConfig{Name: "upstream", URLs: []string{address}})
	err = upstream.FetchContext(ctx, &git.FetchOptions{
		RemoteName: "upstream",
		RemoteURL:  address,
		RefSpecs:   refs,
		Auth:       auth,
		Tags:       git.NoTags,
		Force:      true,
		Prune:      !refs[0].IsExactSHA1(), // a commit asked for by id is no reference upstream
	})
	if errors.Is(err, git.NoErrAlreadyUpToDate) {
		return nil
	}
	return err
}

func retryable(ctx context.Context, err error) bool {
	var damaged *damageError
	return ctx.Err() == nil && !errors.As(err, &damaged) && !errors.Is(err, git.ErrExactSHA1NotSupported)
}

// explain adds what an error of go-git leaves out.
func explain(err error) error {
	var unexpected *packp.ErrUnexpectedData
	switch {
	case errors.Is(err, git.ErrExactSHA1NotSupported):
		return fmt.Errorf("the server offers no commits by id: %w", err)
	case errors.As(err, &unexpected):
		return fmt.Errorf("the answer is not understood (repositories with SHA-256 ids are not supported): %w", err)
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return fmt.Errorf("%w (credentials are taken from repo_url; connections named by git_conn_id are not read)", err)
	}
	return err
}

// cutError bounds the text of an error: a server may answer with a page of any length.
type cutError struct{ err error }

func (e *cutError) Error() string { return cut(e.err.Error(), 2000) }
func (e *cutError) Unwrap() error { return e.err }

// cut shortens a text to at most so many octets, and a mark.
func cut(text string, octets int) string {
	if len(text) <= octets {
		return text
	}
	return strings.ToValidUTF8(text[:octets], "") + "[...]"
}

// redacted is the URL without its password.
func redacted(g bundle.Git) string {
	u, err := url.Parse(g.URL)
	if err != nil {
		return g.URL // user@host:path, which holds no password; other texts are refused as definitions
	}
	return u.Redacted()
}

// remote splits the credentials off an http URL, so that they are not stored
// and do not show in errors.
func remote(g bundle.Git) (string, transport.AuthMethod) {
	u, err := url.Parse(g.URL)
	if err != nil || u.User == nil || (u.Scheme != "http" && u.Scheme != "https") {
		return g.URL, nil
	}
	password, _ := u.User.Password()
	auth := &http.BasicAuth{Username: u.User.Username(), Password: password}
	u.User = nil
	return u.String(), auth
}
