package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseDefinitions(t *testing.T) {
	const list = `[
		{"name":"dags","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":"/srv/dags","refresh_interval":5}},
		{"name":"team/git","classpath":"airflow.providers.git.bundles.git.GitDagBundle","kwargs":{"repo_url":"git://h/r","tracking_ref":"main","git_conn_id":"c","subdir":"a/../dags"}},
		{"name":"dags-folder","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle"},
		{"name":"s3","classpath":"airflow.providers.amazon.aws.bundles.s3.S3DagBundle","kwargs":{}},
		{"name":"relative","classpath":"x.LocalDagBundle","kwargs":{"path":"dags"}},
		{"name":"nourl","classpath":"x.GitDagBundle","kwargs":{"tracking_ref":"main"}},
		{"name":"noref","classpath":"x.GitDagBundle","kwargs":{"repo_url":"git://h/r"}},
		{"name":"out","classpath":"x.GitDagBundle","kwargs":{"repo_url":"git://h/r","tracking_ref":"m","subdir":"../.."}},
		{"name":"port","classpath":"x.GitDagBundle","kwargs":{"repo_url":"https://u:correct#horse@h/r","tracking_ref":"m"}},
		{"name":"escape","classpath":"x.GitDagBundle","kwargs":{"repo_url":"https://u:correct%horse@h/r","tracking_ref":"m"}},
		{"name":"sub","classpath":"x.GitDagBundle","kwargs":{"repo_url":"git://h/r","tracking_ref":"m","submodules":true}},
		{"name":"typed","classpath":"x.LocalDagBundle","kwargs":{"path":5}}
	]`
	defs, err := ParseDefinitions(list, "/home/dags")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Definition{
		"dags":        {Name: "dags", Local: &Local{Path: "/srv/dags"}},
		"dags-folder": {Name: "dags-folder", Local: &Local{Path: "/home/dags"}},
		"team/git":    {Name: "team/git", Git: &Git{URL: "git://h/r", TrackingRef: "main", Connection: "c", Subdir: "dags"}},
	} {
		got, err := defs.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, want := range map[string]string{
		"nope":     `bundle "nope": not configured`,
		"s3":       "only LocalDagBundle and GitDagBundle",
		"relative": "not absolute",
		"nourl":    "repo_url is missing",
		"noref":    "tracking_ref is missing",
		"out":      "leaves the repository",
		"port":     "repo_url is no valid URL",
		"escape":   "repo_url is no valid URL",
		"sub":      "submodules",
		"typed":    "kwargs",
	} {
		if _, err := defs.Get(name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, bad := range []string{"", "{}", `[{"classpath":"x"}]`, `[{"name":"a"},{"name":"a"}]`} {
		if _, err := ParseDefinitions(bad, ""); err == nil || !strings.Contains(err.Error(), "dag_bundle_config_list") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestLocalBundle(t *testing.T) {
	dir := t.TempDir()
	p := &Preparer{}
	tree, err := p.Prepare(t.Context(), Definition{Name: "d", Local: &Local{Path: dir}}, "")
	if err != nil || tree.Path != dir {
		t.Errorf("%+v, %v", tree, err)
	}
	_, err = p.Prepare(t.Context(), Definition{Name: "d", Local: &Local{Path: dir + "/none"}}, "")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `bundle "d"`) || !strings.Contains(err.Error(), dir+"/none") {
		t.Errorf("missing path: %v", err)
	}
	if _, err = p.Prepare(t.Context(), Definition{Name: "d", Local: &Local{Path: dir}}, "v1"); err == nil {
		t.Error("a version of a local bundle was accepted")
	}
}

func TestEncodeNameKnown(t *testing.T) {
	for name, want := range map[string]string{
		"dags": "dags", "a-b_c.d": "a-b_c.d", "team/dags": "team%2Fdags", "..": "%2E.", ".": "%2E", "-rf": "%2Drf",
		"a\x00b": "a%00b", "%2F": "%252F", "ä": "%C3%A4",
	} {
		if got, err := EncodeName(name); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", strings.Repeat("/", 100)} {
		if got, err := EncodeName(name); err == nil {
			t.Errorf("%q gives %q", name, got)
		}
	}
}

// Names are told apart and stay one element below their directory.
func TestEncodeNameLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gen := rapid.StringOfN(rapid.RuneFrom([]rune("ab./-%\x00 ä2F")), 1, 20, 40)
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		x, err := EncodeName(a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := EncodeName(b)
		if err != nil {
			t.Fatal(err)
		}
		if (a == b) != (x == y) {
			t.Fatalf("%q and %q give %q and %q", a, b, x, y)
		}
		if filepath.Dir(filepath.Join("/root", x)) != "/root" || strings.HasPrefix(x, "-") {
			t.Fatalf("%q gives %q", a, x)
		}
	})
}

func TestStorageOfOthersIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a directory of another user takes root")
	}
	for name, prepare := range map[string]struct {
		make func(root string) error
		want string
	}{
		"foreign owner": {func(root string) error {
			return errors.Join(os.Mkdir(root, 0o755), os.Chown(root, 54321, 0))
		}, "belongs to uid 54321"},
		"writable by all": {func(root string) error {
			return errors.Join(os.Mkdir(root, 0o755), os.Chmod(root, 0o777))
		}, "can be written by everybody"},
		"foreign parent": {func(root string) error {
			return os.Chown(filepath.Dir(root), 54321, 0)
		}, "above the bundle storage, belongs to uid 54321"},
		"parent writable by all": {func(root string) error {
			return os.Chmod(filepath.Dir(root), 0o777)
		}, "above the bundle storage, can be written by everybody"},
		"link in it": {func(root string) error {
			return errors.Join(os.Mkdir(root, 0o755), os.Symlink("/tmp", filepath.Join(root, "dags")))
		}, "not a directory"},
	} {
		root := filepath.Join(t.TempDir(), "storage")
		if err := prepare.make(root); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenStore(root, "dags"); err == nil || !strings.Contains(err.Error(), prepare.want) {
			t.Errorf("%s: %v, want %q", name, err, prepare.want)
		}
	}
	if _, err := OpenStore("relative", "dags"); err == nil {
		t.Error("a relative storage path was accepted")
	}
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	base, err := os.MkdirTemp("/var/tmp", "bundle")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	dir := filepath.Join(base, "closed", "dags")
	if err := errors.Join(os.Chmod(base, 0o755), os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "dag.yaml"), nil, 0o644), os.Symlink(dir, filepath.Join(base, "link"))); err != nil {
		t.Fatal(err)
	}
	alice := Reader{Name: "alice", UID: 54321, GID: 54321, Groups: []int{54400}}
	gid := os.Getegid()
	for _, c := range []struct {
		name    string
		chmod   map[string]fs.FileMode
		path    string
		who     Reader
		missing string
		element string
	}{
		{"open", nil, dir, alice, "", ""},
		{"parent", map[string]fs.FileMode{"closed": 0o700}, dir, alice, "search", "closed"},
		{"parent behind a link", map[string]fs.FileMode{"closed": 0o700}, filepath.Join(base, "link"), alice, "search", "closed"},
		{"directory", map[string]fs.FileMode{"closed/dags": 0o700}, dir, alice, "read and search", "closed/dags"},
		{"listing", map[string]fs.FileMode{"closed/dags": 0o711}, dir, alice, "read", "closed/dags"},
		{"file", map[string]fs.FileMode{"closed/dags/dag.yaml": 0o600}, filepath.Join(dir, "dag.yaml"), alice, "read", "closed/dags/dag.yaml"},
		{"group", map[string]fs.FileMode{"closed": 0o750}, dir, Reader{Name: "g", UID: 54321, GID: 54321, Groups: []int{gid}}, "", ""},
		{"group denied", map[string]fs.FileMode{"closed": 0o705}, dir, Reader{Name: "g", UID: 54321, GID: gid}, "search", "closed"},
		{"root", map[string]fs.FileMode{"closed": 0o700}, dir, Reader{Name: "root"}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for path, mode := range c.chmod {
				if err := os.Chmod(filepath.Join(base, path), mode); err != nil {
					t.Fatal(err)
				}
			}
			defer func() {
				_ = os.Chmod(filepath.Join(base, "closed"), 0o755)
				_ = os.Chmod(dir, 0o755)
				_ = os.Chmod(filepath.Join(dir, "dag.yaml"), 0o644)
			}()
			err := Check(c.path, c.who)
			var denied *AccessError
			switch {
			case c.missing == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.missing == "":
			case !errors.As(err, &denied):
				t.Errorf("no AccessError: %v", err)
			case denied.Missing != c.missing || denied.Element != filepath.Join(base, c.element):
				t.Errorf("%v", err)
			case !strings.Contains(err.Error(), c.who.Name) || !strings.Contains(err.Error(), c.path):
				t.Errorf("user or path is not named: %v", err)
			}
		})
	}
	if err := Check(filepath.Join(base, "none"), alice); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing path: %v", err)
	}
}

func TestWhatAProgramSaysIsKeptUpToALength(t *testing.T) {
	l := newLimited(10)
	for _, part := range []string{"", "01234", "56789", "abcde", "f"} {
		select {
		case <-l.begun:
			if len(l.kept) == 0 {
				t.Error("begun before anything was said")
			}
		default:
			if len(l.kept) > 0 {
				t.Error("not begun")
			}
		}
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if string(l.kept) != "0123456789" || !l.more || cap(l.kept) > 100 {
		t.Errorf("kept %q, more %v", l.kept, l.more)
	}
}

func TestCommitIDsAreFullAndLowerCase(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 3)[:40]
	for text, want := range map[string]bool{
		id: true, id[1:]: false, id + "0": false, strings.ToUpper(id): false, "": false,
		"g" + id[1:]: false, id[:20] + "\n" + id[21:]: false, id[:39] + "\n": false,
	} {
		if got := IsCommitID(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
