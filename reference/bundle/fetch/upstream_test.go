package fetch

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/understudy-conformance/understudy/fixtures/gitrepo"
	"github.com/understudy-conformance/understudy/reference/bundle"
)

// upstream is a repository behind a proxy that counts connections, and fails when
// it is told to.
type upstream struct {
	t           *testing.T
	repo        *git.Repository
	dir         string
	url         string
	connections atomic.Int32
	refuse      atomic.Bool  // accept and close at once
	silent      atomic.Bool  // accept and never answer
	cut         atomic.Int64 // close after that many bytes from the server; 0: never
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git, which serves the repository, is not installed")
	}
	base := t.TempDir()
	u := &upstream{t: t, dir: filepath.Join(base, "repo.git")}
	repo, err := git.PlainInit(u.dir, true)
	if err != nil {
		t.Fatal(err)
	}
	u.repo = repo
	server, err := gitrepo.Serve(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		front.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	back, err := url.Parse(server.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	go u.serve(front, back.Host)
	u.url = fmt.Sprintf("git://%s/repo.git", front.Addr())
	return u
}

func (u *upstream) serve(front net.Listener, back string) {
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		u.connections.Add(1)
		if u.refuse.Load() {
			client.Close()
			continue
		}
		go func() {
			defer client.Close()
			if u.silent.Load() {
				_, _ = io.Copy(io.Discard, client)
				return
			}
			server, err := net.Dial("tcp", back)
			if err != nil {
				return
			}
			defer server.Close()
			go func() { _, _ = io.Copy(server, client) }()
			if n := u.cut.Load(); n > 0 {
				_, _ = io.CopyN(client, server, n)
				return
			}
			_, _ = io.Copy(client, server)
		}()
	}
}

// seen returns the number of connections since the last call.
func (u *upstream) seen() int { return int(u.connections.Swap(0)) }

func (u *upstream) git() *bundle.Git { return &bundle.Git{URL: u.url, TrackingRef: "main"} }

func (u *upstream) definition() bundle.Definition {
	return bundle.Definition{Name: "dags", Git: u.git()}
}

// file is one entry of a fixture tree. Mode 0 is a regular file.
type file struct {
	name string
	mode filemode.FileMode
	text string
	sub  []file // for directories
}

func (u *upstream) object(kind plumbing.ObjectType, content []byte) plumbing.Hash {
	u.t.Helper()
	o := u.repo.Storer.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err == nil {
		_, err = w.Write(content)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	h, err := u.repo.Storer.SetEncodedObject(o)
	if err != nil {
		u.t.Fatal(err)
	}
	return h
}

// tree writes entries as they are, names included, so that it can hold what no
// well-behaved client would write.
func (u *upstream) tree(files []file) plumbing.Hash {
	var raw []byte
	for _, f := range files {
		mode, id := f.mode, plumbing.ZeroHash
		switch {
		case f.sub != nil:
			mode, id = filemode.Dir, u.tree(f.sub)
		case mode == filemode.Submodule:
			id = plumbing.NewHash("1111111111111111111111111111111111111111")
		default:
			id = u.object(plumbing.BlobObject, []byte(f.text))
		}
		if mode == 0 {
			mode = filemode.Regular
		}
		raw = fmt.Appendf(raw, "%o %s\x00", uint32(mode), f.name)
		raw = append(raw, id[:]...)
	}
	return u.object(plumbing.TreeObject, raw)
}

// commit makes a commit of files and returns its id; ref "" leaves it without reference.
func (u *upstream) commit(ref string, files ...file) string {
	u.t.Helper()
	when := object.Signature{Name: "fixture", Email: "fixture@example.org", When: time.Unix(1700000000, 0).UTC()}
	c := object.Commit{Author: when, Committer: when, Message: "fixture", TreeHash: u.tree(files)}
	o := u.repo.Storer.NewEncodedObject()
	if err := c.Encode(o); err != nil {
		u.t.Fatal(err)
	}
	h, err := u.repo.Storer.SetEncodedObject(o)
	if err != nil {
		u.t.Fatal(err)
	}
	if ref != "" {
		if err := u.repo.Storer.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(ref), h)); err != nil {
			u.t.Fatal(err)
		}
	}
	return h.String()
}
