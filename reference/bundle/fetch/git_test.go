package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/bundle"
)

func preparer(t *testing.T) *bundle.Preparer {
	root := filepath.Join(t.TempDir(), "storage")
	t.Cleanup(func() { // version directories are read-only, also for the test's own clean-up
		if err := removeTree(root); err != nil {
			t.Error(err)
		}
	})
	return &bundle.Preparer{Root: root, Fetch: Fetch, Bounds: bundle.Bounds{RetryAfter: time.Millisecond, Timeout: patience.Limit}}
}

// hold takes the lock of the bundle "dags".
func hold(t *testing.T, p *bundle.Preparer) (unlock func()) {
	t.Helper()
	s, err := bundle.OpenStore(p.Root, "dags")
	must(t, err)
	unlock, err = store{s}.lock(t.Context(), patience.Limit)
	must(t, err)
	return unlock
}

// listing describes a tree: mode, path, and content or link target.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir():
			fmt.Fprintf(&b, "%v %s\n", info.Mode(), rel)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "link %s -> %s\n", rel, target)
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%v %s %s\n", info.Mode(), rel, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestVersionIsWrittenWithModesThatIgnoreTheUmask(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main",
		file{name: "a.py", text: "A"},
		file{name: "aux.py", text: "reserved elsewhere"},
		file{name: "caf\xe9", text: "latin1"},
		file{name: "dir", sub: []file{{name: "run", mode: 0o104755, text: "R"}, {name: "up", mode: filemode.Symlink, text: "../a.py"}}},
		file{name: "old", mode: 0o100664, text: "O"},
		file{name: "out", mode: filemode.Symlink, text: "/etc/passwd"},
		file{name: "vendor", mode: filemode.Submodule},
		file{name: "x.sh", mode: filemode.Executable, text: "X"},
	)
	defer syscall.Umask(syscall.Umask(0o077))
	p := preparer(t)
	tree, err := p.Prepare(t.Context(), u.definition(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := `dr-xr-xr-x .
-r--r--r-- a.py A
-r--r--r-- aux.py reserved elsewhere
-r--r--r-- ` + "caf\xe9" + ` latin1
dr-xr-xr-x dir
-r-xr-xr-x dir/run R
link dir/up -> ../a.py
-r--r--r-- old O
link out -> /etc/passwd
-r-xr-xr-x x.sh X
`
	if diff := cmp.Diff(want, listing(t, tree.Path)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"vendor"}, tree.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	for path, mode := range map[string]fs.FileMode{"": 0o755, "dags": 0o755, "dags/versions": 0o755, "dags/staging": 0o700, "dags/mirror.git": 0o700} {
		info, err := os.Stat(filepath.Join(p.Root, path))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), mode)
		}
	}
}

func TestPresentVersionNeedsNoUpstream(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main", file{name: "a", text: "A"})
	p := preparer(t)
	if _, err := p.Prepare(t.Context(), u.definition(), id); err != nil {
		t.Fatal(err)
	}
	if n := u.seen(); n != 1 {
		t.Errorf("first preparation made %d connections, want 1", n)
	}
	if err := os.RemoveAll(filepath.Join(p.Root, "dags", "mirror.git")); err != nil {
		t.Fatal(err)
	}
	p.Fetch = func(context.Context, bundle.Request) (bundle.Fetched, error) {
		return bundle.Fetched{}, errors.New("a program is started for a version that is there")
	}
	if _, err := p.Prepare(t.Context(), u.definition(), strings.ToUpper(id)); err != nil {
		t.Fatal(err)
	}
}

func TestFirstHundredSubmodulesAreNamed(t *testing.T) {
	u := newUpstream(t)
	var files []file
	for i := range 150 {
		files = append(files, file{name: fmt.Sprintf("%03d%s", i, strings.Repeat("x", 10_000)), mode: filemode.Submodule})
	}
	u.commit("refs/heads/main", files...)
	p := preparer(t)
	p.Fetch = program("fetch")
	tree, err := p.Prepare(t.Context(), u.definition(), "")
	must(t, err)
	if len(tree.Skipped) != 100 || !strings.HasPrefix(tree.Skipped[99], "099xxx") || len(tree.Skipped[99]) > 5000 {
		t.Errorf("%d submodules are named, the last: %.200q", len(tree.Skipped), tree.Skipped[len(tree.Skipped)-1])
	}
}

func TestUnversionedFollowsTheTrackingRef(t *testing.T) {
	u := newUpstream(t)
	p := preparer(t)
	first := u.commit("refs/heads/main", file{name: "a", text: "1"})
	tagged := u.commit("refs/tags/v1", file{name: "a", text: "tag"})
	forced := u.commit("", file{name: "a", text: "2, not a child of 1"})
	for _, step := range []struct{ ref, want string }{
		{"main", first},
		{"refs/heads/main", first},
		{first, first},
		{"v1", tagged},
		{"main", forced},
	} {
		if step.want == forced {
			must(t, u.repo.Storer.SetReference(plumbing.NewHashReference("refs/heads/main", plumbing.NewHash(forced))))
		}
		def := u.definition()
		def.Git.TrackingRef = step.ref
		tree, err := p.Prepare(t.Context(), def, "")
		if err != nil {
			t.Fatalf("%s: %v", step.ref, err)
		}
		if tree.Version != step.want {
			t.Errorf("%s gives %s, want %s", step.ref, tree.Version, step.want)
		}
		if n := u.seen(); n != 1 {
			t.Errorf("%s: %d connections, want 1", step.ref, n)
		}
	}
	// A branch that upstream deleted is gone, its commits are not.
	if err := u.repo.Storer.RemoveReference("refs/heads/main"); err != nil {
		t.Fatal(err)
	}
	_, err := p.Prepare(t.Context(), u.definition(), "")
	if err == nil || !strings.Contains(err.Error(), `tracking_ref "main" is neither a branch nor a tag`) {
		t.Errorf("deleted branch: %v", err)
	}
	if _, err := p.Prepare(t.Context(), u.definition(), first); err != nil {
		t.Errorf("recorded version after the branch was deleted: %v", err)
	}
}

func TestCommitThatNoBranchReaches(t *testing.T) {
	u := newUpstream(t)
	u.commit("refs/heads/main", file{name: "a", text: "A"})
	lost := u.commit("", file{name: "a", text: "lost"})
	p := preparer(t)
	_, err := p.Prepare(t.Context(), u.definition(), lost)
	if err == nil || !strings.Contains(err.Error(), lost) || !strings.Contains(err.Error(), "no branch or tag of "+u.url) ||
		!strings.Contains(err.Error(), "the server offers no commits by id") {
		t.Errorf("error does not tell version and what was tried: %v", err)
	}
	if n := u.seen(); n > 2 {
		t.Errorf("%d connections, want at most 2", n)
	}
	cfg, err := u.repo.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Raw.SetOption("uploadpack", "", "allowAnySHA1InWant", "true")
	if err := u.repo.SetConfig(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Prepare(t.Context(), u.definition(), lost); err != nil {
		t.Errorf("server that offers any commit: %v", err)
	}
}

func TestHostileTreesAreRefused(t *testing.T) {
	u := newUpstream(t)
	for name, files := range map[string][]file{
		"parent":            {{name: "..", text: "x"}},
		"path":              {{name: "../esc", text: "x"}},
		"self":              {{name: ".", text: "x"}},
		"git directory":     {{name: ".git", sub: []file{{name: "config", text: "x"}}}},
		"GIT deep":          {{name: "d", sub: []file{{name: ".GIT", text: "x"}}}},
		"git on NTFS":       {{name: "git~1", text: "x"}},
		"git stream":        {{name: ".git::$INDEX_ALLOCATION", text: "x"}},
		"git dots":          {{name: ".git. .", text: "x"}},
		"git on HFS":        {{name: ".g\u200cit", text: "x"}},
		"modules link":      {{name: ".gitmodules", mode: filemode.Symlink, text: "/etc/passwd"}},
		"link without text": {{name: "l", mode: filemode.Symlink, text: ""}},
		"link too long":     {{name: "l", mode: filemode.Symlink, text: strings.Repeat("x", 5000)}},
		"link and file":     {{name: "l", mode: filemode.Symlink, text: "/tmp"}, {name: "l", text: "x"}},
		"link and dir":      {{name: "l", mode: filemode.Symlink, text: "/tmp"}, {name: "l", sub: []file{{name: "f", text: "x"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := preparer(t)
			id := u.commit("refs/heads/main", files...)
			_, err := p.Prepare(t.Context(), u.definition(), id)
			var e *bundle.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			for _, dir := range []string{"versions", "staging"} {
				left, err := os.ReadDir(filepath.Join(p.Root, "dags", dir))
				if err != nil || len(left) > 0 {
					t.Errorf("%s holds %v, %v", dir, left, err)
				}
			}
			if _, err := os.Lstat(filepath.Join(p.Root, "dags", "staging", "esc")); err == nil {
				t.Error("a file was written outside the version")
			}
		})
	}
}

func TestLimitsHoldBeforeAnythingIsWritten(t *testing.T) {
	u := newUpstream(t)
	deep := file{name: "f", text: "x"}
	for range 5 {
		deep = file{name: "d", sub: []file{deep}}
	}
	id := u.commit("refs/heads/main", file{name: "a", text: "12345678"}, deep, file{name: "vendor", mode: filemode.Submodule})
	for want, limits := range map[string]bundle.Limits{
		"more than 3 files and directories":          {Entries: 3},
		"files of more than 8 bytes":                 {Bytes: 8},
		"more than 4 directories inside one another": {Depth: 4},
		"more than 7 files and directories":          {Entries: 7},
		"":                                           {Entries: 8, Bytes: 9, Depth: 5},
	} {
		p := preparer(t)
		p.Limits = limits
		_, err := p.Prepare(t.Context(), u.definition(), id)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", limits, err, want)
		}
	}
}

// All ask for one version that is not there yet: tasks of one supervisor, which fetches
// once, or supervisors, each with a program of its own.
func TestOneConnectionForMany(t *testing.T) {
	for name, supervisors := range map[string]int{"tasks": 1, "supervisors": 8} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			id := u.commit("refs/heads/main", file{name: "a", text: "A"})
			var started atomic.Int32
			var all []*bundle.Preparer
			root := preparer(t).Root
			for range supervisors {
				all = append(all, &bundle.Preparer{Root: root, Fetch: func(ctx context.Context, r bundle.Request) (bundle.Fetched, error) {
					started.Add(1)
					return program("fetch")(ctx, r)
				}})
			}
			var tasks sync.WaitGroup
			for i := range 8 {
				tasks.Go(func() {
					tree, err := all[i%supervisors].Prepare(t.Context(), u.definition(), id)
					if err != nil {
						t.Error(err)
						return
					}
					if got, want := listing(t, tree.Path), "dr-xr-xr-x .\n-r--r--r-- a A\n"; got != want {
						t.Errorf("tree %q, want %q", got, want)
					}
				})
			}
			tasks.Wait()
			if n := u.seen(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
			if n := int(started.Load()); n > supervisors {
				t.Errorf("%d programs were started, want at most %d", n, supervisors)
			}
		})
	}
}

// Who waits for another task of the same supervisor waits no longer than for another one.
func TestWaitForAnotherTaskIsBounded(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	p := preparer(t)
	p.LockTimeout = 50 * time.Millisecond
	p.Fetch = func(context.Context, bundle.Request) (bundle.Fetched, error) {
		close(begun)
		<-ended
		return bundle.Fetched{}, errors.New("no news")
	}
	def := bundle.Definition{Name: "dags", Git: &bundle.Git{URL: "git://h/r", TrackingRef: "main"}}
	var first sync.WaitGroup
	first.Go(func() { _, _ = p.Prepare(t.Context(), def, "") })
	<-begun
	if _, err := p.Prepare(t.Context(), def, ""); err == nil || !strings.Contains(err.Error(), "not done within 50ms") {
		t.Errorf("got %v, want that the time is over", err)
	}
	close(ended)
	first.Wait()
}

func TestLockTimeoutNamesThePath(t *testing.T) {
	u := newUpstream(t)
	p := preparer(t)
	defer hold(t, p)()
	p.LockTimeout = 50 * time.Millisecond
	_, err := p.Prepare(t.Context(), u.definition(), "")
	if err == nil || !strings.Contains(err.Error(), filepath.Join(p.Root, "dags", "lock")) {
		t.Errorf("%v", err)
	}
}

func TestSubdir(t *testing.T) {
	u := newUpstream(t)
	u.commit("refs/heads/main",
		file{name: "dags", sub: []file{{name: "a", text: "A"}}},
		file{name: "etc", mode: filemode.Symlink, text: "/etc"})
	p := preparer(t)
	for subdir, ok := range map[string]bool{"dags": true, "absent": false, "etc": false} {
		def := u.definition()
		def.Git.Subdir = subdir
		tree, err := p.Prepare(t.Context(), def, "")
		if (err == nil) != ok {
			t.Errorf("subdir %s: %v", subdir, err)
		}
		if ok && filepath.Base(tree.Path) != subdir {
			t.Errorf("subdir %s gives %s", subdir, tree.Path)
		}
	}
}

func TestAnnotatedTags(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main", file{name: "a", text: "A"})
	tag := func(name, object, kind string) {
		raw := "object " + object + "\ntype " + kind + "\ntag " + name + "\ntagger x <x> 1700000000 +0000\n\nfixture\n"
		reference := plumbing.NewHashReference(plumbing.NewTagReferenceName(name), u.object(plumbing.TagObject, []byte(raw)))
		must(t, u.repo.Storer.SetReference(reference))
	}
	tag("release", id, "commit")
	tag("picture", u.object(plumbing.BlobObject, []byte("no commit")).String(), "blob")
	p := preparer(t)
	def := u.definition()
	def.Git.TrackingRef = "release"
	if tree, err := p.Prepare(t.Context(), def, ""); err != nil || tree.Version != id {
		t.Errorf("annotated tag of commit %s: got %q, %v", id, tree.Version, err)
	}
	def.Git.TrackingRef = "picture"
	if _, err := p.Prepare(t.Context(), def, ""); err == nil || !strings.Contains(err.Error(), "refs/tags/picture names no commit") {
		t.Errorf("tag of a blob: got %v", err)
	}
}

func TestMissingParentsAreMadeForAllReaders(t *testing.T) {
	u := newUpstream(t)
	u.commit("refs/heads/main", file{name: "a", text: "A"})
	p := preparer(t)
	above := filepath.Join(p.Root, "var", "lib")
	p.Root = filepath.Join(above, "bundles")
	defer syscall.Umask(syscall.Umask(0o077))
	if _, err := p.Prepare(t.Context(), u.definition(), ""); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(above), above, p.Root} {
		info, err := os.Stat(dir)
		must(t, err)
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v", dir, info.Mode())
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"a", "..", ".git", ".g\u200cit", "git~1", ".git ", "a/b", "\x00", ".gitignore", "a\\b", ".git\v", " .git"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		// Of blanks, file systems ignore trailing spaces only: ".git\v" and " .git" are names like others.
		if filepath.Base(name) != name || name == ".." || strings.EqualFold(strings.TrimRight(name, ". "), ".git") {
			t.Errorf("%q was accepted", name)
		}
	})
}

func TestErrorsOfABundleKeepTheirCause(t *testing.T) {
	u := newUpstream(t)
	p := preparer(t)
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o600))
	for _, test := range []struct {
		says    string
		def     bundle.Definition
		version string
		want    string
	}{
		{"local path that is a file", bundle.Definition{Name: "x", Local: &bundle.Local{Path: path}}, "", "is not a directory"},
		{"version that is no commit id", u.definition(), "main", "not a full commit id"},
		{"name that is no file name", bundle.Definition{Name: "", Git: u.git()}, "", `bundle ""`},
		{"subdir that is a file", bundle.Definition{Name: "dags", Git: &bundle.Git{URL: u.url, TrackingRef: "main", Subdir: "a"}}, u.commit("refs/heads/main", file{name: "a"}), "not a directory"},
	} {
		_, err := p.Prepare(t.Context(), test.def, test.version)
		var failed *bundle.Error
		if !errors.As(err, &failed) || failed.Bundle != test.def.Name || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want *bundle.Error with %q", test.says, err, test.want)
		}
	}
	if _, err := p.Prepare(t.Context(), bundle.Definition{Name: "x", Local: &bundle.Local{Path: path + "x"}}, ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("local path that is absent: got %v", err)
	}
}
