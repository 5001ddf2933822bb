package implementation

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/role"
)

const good = `schema: 1
name: Good
slug: good
version: ["{bin}/good", version]
probe: probe.yaml
sandbox:
  root: host
  provision: provision.sh
  files: [extra.txt]
roles:
  runner:
    argv: ["{bin}/good"]
    env: {HOME_OF: "{home}"}
    channel: fd0
    switch: runner
    start_timeout: 10s
  worker:
    argv: ["{bin}/good", "{workload}"]
    channel: http
    switch: supervisor
capabilities: [concurrent-requests]
lacks:
  git-bundles: none here
slowness: 2
`

// folder writes a manifest and the files that good names.
func folder(t *testing.T, manifest string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{Filename: manifest, "probe.yaml": "", "provision.sh": "", "extra.txt": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGoodManifestLoads(t *testing.T) {
	dir := folder(t, good)
	want := Manifest{
		Schema: 1, Name: "Good", Slug: "good", Version: []string{"{bin}/good", "version"}, Probe: "probe.yaml",
		Sandbox: Sandbox{Root: "host", Provision: "provision.sh", Files: []string{"extra.txt"}},
		Roles: map[role.Role]Launch{
			role.Runner: {Argv: []string{"{bin}/good"}, Env: map[string]string{"HOME_OF": "{home}"}, Channel: "fd0", Switch: "runner", StartTimeout: "10s"},
			role.Worker: {Argv: []string{"{bin}/good", "{workload}"}, Channel: "http", Switch: "supervisor"},
		},
		Capabilities: []string{"concurrent-requests"}, Lacks: map[string]string{"git-bundles": "none here"}, Slowness: 2, Dir: dir,
	}
	for _, path := range []string{dir, filepath.Join(dir, Filename)} {
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if !slices.Equal(want.Plays(), []role.Role{role.Runner, role.Worker}) || !want.Has("concurrent-requests") || want.Has("git-bundles") {
		t.Error("Plays or Has is wrong")
	}
}

func TestAServerHasAFolderAndItsTasksWorkloads(t *testing.T) {
	dir := folder(t, strings.Replace(good, `argv: ["{bin}/good", "{workload}"]`, `argv: [submit, "{serve_dir}", "{workload}"]
    serve: [serve, "{serve_dir}", "{api_url}"]
    env: {SOCKET: "{serve_dir}/socket"}`, 1))
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"serve", "{serve_dir}", "{api_url}"}; !slices.Equal(got.Roles[role.Worker].Serve, want) {
		t.Errorf("serve is %q, want %q", got.Roles[role.Worker].Serve, want)
	}
}

func TestManifestsOfTheRepositoryLoad(t *testing.T) {
	found, err := filepath.Glob("../../images/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte("\nroles:\n")) {
			continue // the probe, or a list of known deviations
		}
		loaded++
		if _, err := Load(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if loaded < 2 {
		t.Errorf("%d manifests found among %d files", loaded, len(found))
	}
}

// What a manifest says of the release reaches the worker, which reads it from the plan.
func TestAManifestNamesItsRelease(t *testing.T) {
	for written, want := range map[string]Airflow{
		"":                              {},
		`airflow: "3.4.0b2"`:            {Release: "3.4.0b2"},
		`airflow: ["{bin}/x", version]`: {Command: []string{"{bin}/x", "version"}},
	} {
		m, err := Load(folder(t, strings.Replace(good, "probe: probe.yaml", written+"\nprobe: probe.yaml", 1)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var again Manifest
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		for _, got := range []Airflow{m.Airflow, again.Airflow} {
			if got.Release != want.Release || !slices.Equal(got.Command, want.Command) || got.IsZero() != (written == "") {
				t.Errorf("%q was read as %+v", written, got)
			}
		}
	}
}

// Every bad manifest gives what, where and remedy, with the line.
func TestBadManifestsAreExplained(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "name: Good", "nmae: Good\nname: Good", "implementation.yaml:2: nmae: unknown key: remove it"},
		{"unknown key deep", "    channel: fd0", "    channel: fd0\n    chanel: x", ":15: roles.runner.chanel: unknown key"},
		{"missing", "slug: good\n", "", "slug: missing: add it"},
		{"missing deep", "    switch: runner\n", "", ":11: roles.runner.switch: missing"},
		{"wrong choice", "channel: fd0", "channel: socket", `:14: roles.runner.channel: is "socket": use one of fd0, http`},
		{"wrong channel for role", "channel: http", "channel: fd0", ":19: roles.worker.channel: a worker does not speak fd0: use http"},
		{"wrong type", `argv: ["{bin}/good"]`, "argv: good", ":12: roles.runner.argv: is of type string: write a list"},
		{"number for text", "name: Good", "name: 12", ":2: name: is of type number: write text"},
		{"bad slug", "slug: good", "slug: Good One", `:3: slug: is "Good One": use small letters`},
		{"other schema version", "schema: 1", "schema: 2", ":1: schema: is 2: this version of Understudy reads 1"},
		{"unknown role", "  worker:", "  executor:", ":17: roles.executor: unknown key"},
		{"empty argv", `argv: ["{bin}/good"]`, "argv: []", "roles.runner.argv: is an empty list: write what belongs there"},
		{"empty command", `argv: ["{bin}/good"]`, `argv: [""]`, "roles.runner.argv: the command is empty"},
		{"supervisor without puppet", "  worker:", "  supervisor:", ":18: roles.supervisor.argv: names no {runner}, so that the supervisor would start a runner of its own: tell it to start {runner}"},
		{"puppet of another role", `"{home}"`, `"{runner}"`, ":13: roles.runner.env.HOME_OF: nothing replaces {runner}"},
		{"unknown template", `"{workload}"`, `"{job}"`, ":18: roles.worker.argv[1]: nothing replaces {job}: use one of {bin}"},
		{"template of another role", `"{home}"`, `"{workload}"`, ":13: roles.runner.env.HOME_OF: nothing replaces {workload}"},
		{"unknown template in env", `"{home}"`, `"{hom}"`, ":13: roles.runner.env.HOME_OF: nothing replaces {hom}"},
		{"server of a runner", "    channel: fd0", "    serve: [x]\n    channel: fd0", ":14: roles.runner.serve: a runner is started for each task: remove serve"},
		{"server without a program", "    channel: http", `    serve: [""]` + "\n    channel: http", ":19: roles.worker.serve: the command is empty"},
		{"server of one task", "    channel: http", `    serve: [x, "{workload}"]` + "\n    channel: http", ":19: roles.worker.serve[1]: nothing replaces {workload}"},
		{"environment of one task", "    channel: http", `    serve: [x]` + "\n" + `    env: {W: "{workload}"}` + "\n    channel: http", ":20: roles.worker.env.W: nothing replaces {workload}"},
		{"folder of no server", `"{workload}"`, `"{serve_dir}"`, ":18: roles.worker.argv[1]: nothing replaces {serve_dir}"},
		{"bad duration", "10s", "soon", `:16: roles.runner.start_timeout: "soon" is no duration above zero: write for example 20s`},
		{"negative duration", "10s", "-1s", `"-1s" is no duration`},
		{"file not there", "provision: provision.sh", "provision: install.sh", ":8: sandbox.provision: file install.sh: no such file or directory: create it in"},
		{"further file not there", "[extra.txt]", "[extra.txt, more.txt]", ":9: sandbox.files[1]: file more.txt"},
		{"file outside", "probe: probe.yaml", "probe: ../probe.yaml", `:5: probe: "../probe.yaml" leads out of`},
		{"folder for a file", "probe: probe.yaml", "probe: .", ":5: probe: . is a folder, not a file"},
		{"unknown capability", "[concurrent-requests]", "[flying]", `capabilities[0]: is "flying": use one of concurrent-requests, git-bundles, umask`},
		{"unknown lack", "git-bundles: none", "flying: none", ":23: lacks.flying: unknown key"},
		{"both", "git-bundles: none", "concurrent-requests: none", ":23: lacks.concurrent-requests: stands under capabilities too"},
		{"no setting for the umask", "[concurrent-requests]", "[umask]", ":21: capabilities: umask stands there, and no key umask names its setting"},
		{"setting without capability", "probe: probe.yaml", "umask: a.b\nprobe: probe.yaml", ":5: umask: capability umask is not declared"},
		{"umask instead of its setting", "probe: probe.yaml", "umask: \"0022\"\nprobe: probe.yaml", ":5: umask: "},
		{"release that is none", "probe: probe.yaml", "airflow: latest\nprobe: probe.yaml", `:5: airflow: "latest" is no version of Airflow such as 3.3.2 or 3.4.0b2: write the release`},
		{"release as a number", "probe: probe.yaml", "airflow: 3.4\nprobe: probe.yaml", ":5: airflow: is of type number: write text (quote it if it looks like a number) or a list"},
		{"release before there was one to judge", "probe: probe.yaml", "airflow: 2.11.0\nprobe: probe.yaml", `:5: airflow: "2.11.0" is before 3.0.3`},
		{"range for a release", "probe: probe.yaml", `airflow: ">=3.3"` + "\nprobe: probe.yaml", ":5: airflow: "},
		{"no command for the release", "probe: probe.yaml", "airflow: []\nprobe: probe.yaml", ":5: airflow: is an empty list"},
		{"template in that command", "probe: probe.yaml", `airflow: ["{workload}"]` + "\nprobe: probe.yaml", ":5: airflow[0]: nothing replaces {workload}"},
		{"variable name", "{HOME_OF:", "{HOME-OF:", ":13: roles.runner.env.HOME-OF: unknown key"},
		{"slowness", "slowness: 2", "slowness: 0", "slowness: is 0: write a number of at least 0.1"},
		{"much slowness", "slowness: 2", "slowness: 1e9", "slowness: is 1e+09: write a number of at most 100"},
		{"no YAML", "roles:", "roles: [", "is no YAML: "},
		{"key twice", "slug: good", "slug: good\nslug: better", "is no YAML: "},
		{"two documents", "slowness: 2\n", "slowness: 2\n---\nmore: 1\n", "a second YAML document"},
		{"empty", good, "", "it is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatal("the edit changed nothing")
			}
			_, err := Load(folder(t, text))
			var invalid *Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
				return
			}
			for _, p := range invalid.Problems {
				if p.What == "" || p.Remedy == "" {
					t.Errorf("a problem without what or remedy: %+v", p)
				}
			}
		})
	}
}

func TestAllProblemsAreReportedInOrder(t *testing.T) {
	text := strings.NewReplacer("channel: fd0", "channel: x", "root: host", "root: moon").Replace(good)
	_, err := Load(folder(t, text))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], ":7: sandbox.root") || !strings.Contains(lines[1], ":14: roles.runner.channel") {
		t.Errorf("got %q", lines)
	}
}

func TestAbsentManifestIsExplained(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		_, err := Load(path)
		var invalid *Invalid
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestWhatNeverEndsIsNoManifest(t *testing.T) {
	dir := folder(t, good)
	manifest := filepath.Join(dir, Filename)
	if err := errors.Join(os.Rename(manifest, manifest+"-real"), os.Symlink(Filename+"-real", manifest)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("a link to a manifest: %v", err)
	}
	for what, plant := range map[string]func(path string) error{
		"is a FIFO, not a regular file: ":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"is a device, not a regular file: ": func(path string) error { return os.Symlink("/dev/zero", path) },
		"more than 1048576 octets: ":        func(path string) error { return os.WriteFile(path, make([]byte, maxSize+1), 0o644) },
	} {
		if err := errors.Join(os.Remove(manifest), plant(manifest)); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, manifest} {
			_, err := Load(path)
			var invalid *Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), manifest+": "+what) {
				t.Errorf("%s: got %v", what, err)
			}
		}
	}
	for _, name := range []string{"probe.yaml", "provision.sh", "extra.txt"} {
		dir := folder(t, good)
		if err := errors.Join(os.Remove(filepath.Join(dir, name)), syscall.Mkfifo(filepath.Join(dir, name), 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), name+" is a FIFO, not a file") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestSchemaAndTypeAgree compares the properties of the schema with the fields of the types.
func TestSchemaAndTypeAgree(t *testing.T) {
	var schema struct {
		Properties map[string]json.RawMessage
		Defs       map[string]struct{ Properties map[string]json.RawMessage } `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var sandbox struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(schema.Properties["sandbox"], &sandbox); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of         reflect.Type
		properties map[string]json.RawMessage
	}{
		{reflect.TypeFor[Manifest](), schema.Properties},
		{reflect.TypeFor[Sandbox](), sandbox.Properties},
		{reflect.TypeFor[Launch](), schema.Defs["role"].Properties},
	} {
		fields := map[string]bool{}
		for i := range c.of.NumField() {
			name, _, _ := strings.Cut(c.of.Field(i).Tag.Get("json"), ",")
			if name != "-" {
				fields[name] = true
			}
		}
		named := map[string]bool{}
		for name := range c.properties {
			named[name] = true
		}
		if diff := cmp.Diff(fields, named); diff != "" {
			t.Errorf("%s (-type +schema):\n%s", c.of, diff)
		}
	}
}

// TestEveryRoleIsInTheSchemaAndHasAChannel: the published schema and the channels are
// written down beside package role.
func TestEveryRoleIsInTheSchemaAndHasAChannel(t *testing.T) {
	var schema struct {
		Properties struct {
			Roles struct{ Properties map[role.Role]json.RawMessage }
		}
	}
	if err := json.Unmarshal(Schema, &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(role.All())), slices.Sorted(maps.Keys(schema.Properties.Roles.Properties))); diff != "" {
		t.Errorf("roles (-all +schema):\n%s", diff)
	}
	for _, r := range role.All() {
		if len(roles[r].channels) == 0 {
			t.Errorf("no manifest can be right that has role %s: it has no channel", r)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? [1]\n: 2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse("x.yaml", t.TempDir(), text)
		if err == nil && (m.Slug == "" || len(m.Roles) == 0) {
			t.Errorf("accepted without slug or role: %q", bytes.TrimSpace(text))
		}
	})
}

// A supervisor may be told of the puppet on its command line or in its environment.
func TestASupervisorIsToldOfThePuppet(t *testing.T) {
	for _, told := range []string{
		`argv: ["{bin}/good", "{workload}", "--runner={runner}"]`,
		"argv: [\"{bin}/good\", \"{workload}\"]\n    env: {RUNNER: \"{runner}\"}",
	} {
		text := strings.Replace(strings.Replace(good, "  worker:", "  supervisor:", 1), `argv: ["{bin}/good", "{workload}"]`, told, 1)
		if _, err := Load(folder(t, text)); err != nil {
			t.Errorf("%s: %v", told, err)
		}
	}
}
