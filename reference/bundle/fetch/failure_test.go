package fetch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

func TestFailingUpstreamIsTriedTwiceForAll(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main", file{name: "a", text: strings.Repeat("content ", 1000)})
	for name, fail := range map[string]func(bool){
		"refused":   func(on bool) { u.refuse.Store(on) },
		"half sent": func(on bool) { u.cut.Store(map[bool]int64{true: 400}[on]) },
	} {
		t.Run(name, func(t *testing.T) {
			p := preparer(t)
			fail(true)
			texts := map[string]int{}
			var mu sync.Mutex
			var all sync.WaitGroup
			ready := make(chan struct{})
			// The lock is held until everybody has asked.
			unlock := hold(t, p)
			supervisor := func() *bundle.Preparer {
				return &bundle.Preparer{Root: p.Root, Bounds: p.Bounds, Fetch: func(ctx context.Context, r bundle.Request) (bundle.Fetched, error) {
					ready <- struct{}{} // the time of the question is in r
					return Fetch(ctx, r)
				}}
			}
			for range 8 {
				all.Add(1)
				go func() {
					defer all.Done()
					_, err := supervisor().Prepare(t.Context(), u.definition(), id)
					mu.Lock()
					defer mu.Unlock()
					texts[fmt.Sprint(err)]++
				}()
			}
			for range 8 {
				<-ready
			}
			unlock()
			all.Wait()
			if len(texts) != 1 || !strings.Contains(fmt.Sprint(texts), "fetch all branches and tags of "+u.url) {
				t.Errorf("errors: %v", texts)
			}
			if n := u.seen(); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
			fail(false)
			if _, err := p.Prepare(t.Context(), u.definition(), id); err != nil {
				t.Errorf("after the failure: %v", err)
			}
			u.seen()
		})
	}
}

func TestSilentUpstreamEndsWithTheTimeout(t *testing.T) {
	u := newUpstream(t)
	u.commit("refs/heads/main", file{name: "a", text: "A"})
	u.silent.Store(true)
	p := preparer(t)
	p.Timeout = 300 * time.Millisecond
	_, err := p.Prepare(t.Context(), u.definition(), "")
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("got %v, want that the deadline is exceeded", err)
	}
}

func TestInterruptedOrDamagedStateIsRepaired(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("refs/heads/main", file{name: "a", text: "1"}, file{name: "d", sub: []file{{name: "f", text: "F"}}})
	mirror := func(p *bundle.Preparer) string { return filepath.Join(p.Root, "dags", "mirror.git") }
	for name, hurt := range map[string]func(t *testing.T, p *bundle.Preparer){
		"mirror half made": func(t *testing.T, p *bundle.Preparer) {
			must(t, os.RemoveAll(mirror(p)))
			must(t, os.Mkdir(mirror(p), 0o700))
		},
		"staging left behind": func(t *testing.T, p *bundle.Preparer) {
			dir := filepath.Join(p.Root, "dags", "staging", "x", "y")
			must(t, os.MkdirAll(dir, 0o700))
			must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o444))
			must(t, os.Chmod(dir, 0o555))
		},
		"objects gone": func(t *testing.T, p *bundle.Preparer) {
			must(t, os.RemoveAll(filepath.Join(mirror(p), "objects")))
		},
		"pack overwritten": func(t *testing.T, p *bundle.Preparer) {
			packs, err := filepath.Glob(filepath.Join(mirror(p), "objects", "pack", "*.pack"))
			if err != nil || len(packs) == 0 {
				t.Fatal(packs, err)
			}
			for _, pack := range packs {
				info, err := os.Stat(pack)
				must(t, err)
				must(t, os.Chmod(pack, 0o600))
				must(t, os.WriteFile(pack, bytes.Repeat([]byte{0x55}, int(info.Size())), 0o600))
			}
		},
		"index truncated": func(t *testing.T, p *bundle.Preparer) {
			indexes, err := filepath.Glob(filepath.Join(mirror(p), "objects", "pack", "*.idx"))
			if err != nil || len(indexes) == 0 {
				t.Fatal(indexes, err)
			}
			must(t, os.Chmod(indexes[0], 0o600))
			must(t, os.Truncate(indexes[0], 10))
		},
		"reference garbled": func(t *testing.T, p *bundle.Preparer) {
			must(t, os.WriteFile(filepath.Join(mirror(p), "refs", "heads", "main"), []byte("garbage\n"), 0o600))
		},
		"record garbled": func(t *testing.T, p *bundle.Preparer) {
			must(t, os.WriteFile(filepath.Join(p.Root, "dags", "fetched.json"), []byte("{"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := preparer(t)
			if _, err := p.Prepare(t.Context(), u.definition(), ""); err != nil {
				t.Fatal(err)
			}
			hurt(t, p)
			second := u.commit("refs/heads/main", file{name: "a", text: name})
			for _, id := range []string{second, ""} {
				tree, err := p.Prepare(t.Context(), u.definition(), id)
				if err != nil {
					t.Fatal(err)
				}
				if got := listing(t, tree.Path); !strings.Contains(got, "a "+name+"\n") {
					t.Errorf("tree:\n%s", got)
				}
			}
			must(t, u.repo.Storer.SetReference(plumbing.NewHashReference("refs/heads/main", plumbing.NewHash(first))))
			u.seen()
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneLostObjectIsFetchedAgain takes single objects out of the mirror, as a full
// disk or a zealous clean-up would.
func TestOneLostObjectIsFetchedAgain(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main",
		file{name: "a", text: "A"}, file{name: "d", sub: []file{{name: "f", text: "F"}}}, file{name: "l", mode: filemode.Symlink, text: "a"})
	for _, lost := range []string{id, id + "^{tree}", id + ":a", id + ":l", id + ":d", id + ":d/f"} {
		t.Run(strings.TrimPrefix(lost, id), func(t *testing.T) {
			p := preparer(t)
			tree, err := p.Prepare(t.Context(), u.definition(), id)
			if err != nil {
				t.Fatal(err)
			}
			before := listing(t, tree.Path)
			must(t, removeTree(tree.Path))
			mirror := filepath.Join(p.Root, "dags", "mirror.git")
			out, err := exec.Command("sh", "-c", `cd "$1" && export GIT_DIR=. GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' &&
				object=$(git rev-parse "$2") &&
				mkdir aside && mv objects/pack/* aside && for pack in aside/*.pack; do git unpack-objects -q <"$pack" || exit; done &&
				rm -f "objects/$(printf %.2s "$object")/${object#??}"`, "sh", mirror, lost).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if tree, err = p.Prepare(t.Context(), u.definition(), id); err != nil {
				t.Fatal(err)
			}
			if after := listing(t, tree.Path); after != before {
				t.Errorf("tree before:\n%s\nand after:\n%s", before, after)
			}
		})
	}
}
