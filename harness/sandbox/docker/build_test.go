package docker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

func TestFirstClientWithBuildKitIsTaken(t *testing.T) {
	const (
		debian = "Docker version 20.10.24+dfsg1, build 297e128"
		newer  = "Docker version 28.2.2, build e6534b4"
		older  = "Docker version 17.12.1-ce, build 7390fc6"
		podman = "podman version 4.3.1"
	)
	type command struct {
		version string
		buildx  bool
	}
	for _, c := range []struct {
		name      string
		installed map[string]command
		want      string   // "" for none
		says      []string // in the error
	}{
		{"nothing", nil, "", []string{"none is installed", "install"}},
		{"only the packaged one", map[string]command{"/usr/bin/docker": {debian, false}}, "/usr/bin/docker", nil},
		{"a newer one in PATH lacks buildx", map[string]command{"/usr/bin/docker": {debian, false}, "/usr/local/bin/docker": {newer, false}}, "/usr/bin/docker", nil},
		{"the packaged one lacks buildx", map[string]command{"/usr/bin/docker": {newer, false}, "/usr/local/bin/docker": {newer, true}}, "/usr/local/bin/docker", nil},
		{"both can", map[string]command{"/usr/bin/docker": {newer, true}, "/usr/local/bin/docker": {newer, true}}, "/usr/bin/docker", nil},
		{"all lack it", map[string]command{"/usr/bin/docker": {older, false}, "/usr/local/bin/docker": {newer, false}}, "",
			[]string{"/usr/bin/docker (" + older + ") has no buildx", "/usr/local/bin/docker (" + newer + ") has no buildx"}},
		{"something else by that name", map[string]command{"/usr/bin/docker": {podman, false}}, "", []string{podman}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := buildKitClient(clients("/usr/local/bin:/usr/bin:.:relative"), func(argv ...string) (string, error) {
				found, ok := c.installed[argv[0]]
				switch {
				case !ok:
					return "", &fs.PathError{Op: "fork/exec", Path: argv[0], Err: fs.ErrNotExist}
				case strings.Join(argv[1:], " ") == "--version":
					return found.version + "\n", nil
				case strings.Join(argv[1:], " ") == "buildx version" && found.buildx:
					return "github.com/docker/buildx v0.24.0", nil
				}
				return "docker: 'buildx' is not a docker command.", errors.New("exit status 1")
			})
			if got != c.want {
				t.Errorf("took %q, want %q", got, c.want)
			}
			if errors.Is(err, sandbox.ErrUnavailable) != (c.want == "") {
				t.Errorf("error %v", err)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("error %q does not say %q", err, text)
				}
			}
		})
	}
}

func TestBuildKitIsBuiltInFrom18To22(t *testing.T) {
	for version, want := range map[string]bool{
		"Docker version 18.06.3-ce, build d7080c1": false, "Docker version 18.09.1, build 4c52b90": true,
		"Docker version 20.10.24+dfsg1, build 297e128": true, "Docker version 23.0.0, build e92dd87": false,
		"Docker version 28.2.2, build e6534b4": false, "podman version 4.3.1": false, "": false,
	} {
		if got := builtIn(version); got != want {
			t.Errorf("%q: %t, want %t", version, got, want)
		}
	}
}

func TestCertificatesAreThoseThatTheEnvironmentNames(t *testing.T) {
	dir := t.TempDir()
	bundle, empty := filepath.Join(dir, "bundle.crt"), filepath.Join(dir, "empty.crt")
	if err := errors.Join(os.WriteFile(bundle, []byte("x"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		environment map[string]string
		want        string
	}{
		{"nothing named", nil, ""},
		{"one named", map[string]string{"PIP_CERT": bundle}, bundle},
		{"the first is not there", map[string]string{"SSL_CERT_FILE": filepath.Join(dir, "absent"), "CURL_CA_BUNDLE": bundle}, bundle},
		{"an empty file", map[string]string{"SSL_CERT_FILE": empty}, ""},
		{"a folder", map[string]string{"SSL_CERT_FILE": dir}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := certificates(func(name string) string { return c.environment[name] })
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBuildPassesTheSecretOnlyWhenThereIsOne(t *testing.T) {
	b := build{command: "/usr/bin/docker", dir: "/c", dockerfile: "Dockerfile", tag: "understudy/x:1", base: LocalBase}
	want := []string{"/usr/bin/docker", "build", "--progress", "plain", "--file", "/c/Dockerfile", "--tag", "understudy/x:1",
		"--build-arg", "BASE=" + LocalBase, "--label", "dev.understudy.image=true", "/c"}
	if diff := cmp.Diff(want, b.argv()); diff != "" {
		t.Errorf("without (-want +got):\n%s", diff)
	}
	b.secret = "/etc/bundle"
	want = append(want[:len(want)-1], "--secret", "id=ca,src=/etc/bundle", "/c")
	if diff := cmp.Diff(want, b.argv()); diff != "" {
		t.Errorf("with (-want +got):\n%s", diff)
	}
}

func TestStepsAreToldOnce(t *testing.T) {
	var told []string
	step := steps(func(text string) { told = append(told, text) })
	for _, line := range []string{
		"#1 [internal] load build definition from Dockerfile",
		"#5 [2/3] COPY provision.sh /opt/", "#5 DONE 0.1s",
		"#6 [3/3] RUN bash /opt/provision.sh",
		"#6 0.412 [1/2] Debian packages", "#6 1.000 plain [2/2] text", "",
		"#6 [3/3] RUN bash /opt/provision.sh", "#6 30.45 [2/2] done: Sudo version 1.9.16p2",
	} {
		step(line)
	}
	want := []string{"Dockerfile [2/3] COPY provision.sh /opt/", "Dockerfile [3/3] RUN bash /opt/provision.sh", "[1/2] Debian packages", "[2/2] done: Sudo version 1.9.16p2"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}
