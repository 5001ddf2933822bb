package fetch

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/reference/bundle"
)

const password = "correct-horse"

// guarded serves the repository of u by http to "reader" with the password.
func guarded(t *testing.T, u *upstream) *httptest.Server {
	t.Helper()
	libexec, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(libexec)), "git-http-backend"),
		Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(u.dir), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, given, ok := r.BasicAuth(); !ok || name != "reader" || given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestCredentialsOfTheURLAreUsedAndKeptNowhere(t *testing.T) {
	u := newUpstream(t)
	u.commit("refs/heads/main", file{name: "a", text: "A"})
	host := strings.TrimPrefix(guarded(t, u).URL, "http://")
	def := u.definition()

	p := preparer(t)
	def.Git.URL = "http://reader:" + password + "@" + host + "/repo.git"
	tree, err := p.Prepare(t.Context(), def, "")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(tree.Path, "a")); err != nil || string(text) != "A" {
		t.Errorf("file a: %q, %v", text, err)
	}
	holdsNoPassword(t, p.Root)

	for url, want := range map[string]string{
		"http://" + host + "/repo.git":                               "credentials are taken from repo_url",
		"http://reader:wrong-" + password + "@" + host + "/repo.git": "reader:xxxxx@",
	} {
		p := preparer(t)
		def.Git.URL = url
		_, err := p.Prepare(t.Context(), def, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("the password is shown: %v", err)
		}
		holdsNoPassword(t, p.Root)
	}
}

// An upstream may say no at any length.
func TestLongRefusalIsCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no: "+strings.Repeat("never ", 100_000), http.StatusForbidden)
	}))
	defer server.Close()
	p := preparer(t)
	_, err := p.Prepare(t.Context(), bundle.Definition{Name: "dags", Git: &bundle.Git{URL: server.URL + "/r.git", TrackingRef: "main"}}, "")
	if err == nil || !strings.Contains(err.Error(), "never never") || len(err.Error()) > 4000 {
		t.Errorf("got an error of %d octets: %.300s", len(fmt.Sprint(err)), fmt.Sprint(err))
	}
	record, err := os.ReadFile(filepath.Join(p.Root, "dags", "fetched.json"))
	if err != nil || len(record) > 4000 {
		t.Errorf("the record has %d octets, %v", len(record), err)
	}
}

func holdsNoPassword(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(password)) {
			t.Errorf("%s holds the password", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for url, want := range map[string]struct {
		address, shown string
		auth           bool
	}{
		"https://example.org/r.git":          {"https://example.org/r.git", "https://example.org/r.git", false},
		"https://u:p@example.org/r.git":      {"https://example.org/r.git", "https://u:xxxxx@example.org/r.git", true},
		"https://token@example.org/r.git":    {"https://example.org/r.git", "https://token@example.org/r.git", true},
		"ssh://git@example.org/r.git":        {"ssh://git@example.org/r.git", "ssh://git@example.org/r.git", false},
		"git@example.org:team/r.git":         {"git@example.org:team/r.git", "git@example.org:team/r.git", false},
		"/srv/repositories/r.git":            {"/srv/repositories/r.git", "/srv/repositories/r.git", false},
		"file:///srv/u:p@repositories/r.git": {"file:///srv/u:p@repositories/r.git", "file:///srv/u:p@repositories/r.git", false},
	} {
		g := bundle.Git{URL: url}
		address, auth := remote(g)
		if address != want.address || (auth != nil) != want.auth || redacted(g) != want.shown {
			t.Errorf("%s: address %s, credentials %v, shown as %s; want %+v", url, address, auth != nil, redacted(g), want)
		}
	}
}

func TestUpstreamWithLongIdsIsNamed(t *testing.T) {
	u := newUpstream(t)
	must(t, os.RemoveAll(u.dir))
	if out, err := exec.Command("git", "init", "--quiet", "--bare", "--object-format=sha256", u.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	fill := exec.Command("sh", "-c", `t=$(git hash-object -w -t tree /dev/null) && c=$(git commit-tree -m x "$t") && git update-ref refs/heads/main "$c"`)
	fill.Dir = u.dir
	fill.Env = append(os.Environ(), "GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x")
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := preparer(t).Prepare(t.Context(), u.definition(), ""); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v, want an error that names SHA-256", err)
	}
}
