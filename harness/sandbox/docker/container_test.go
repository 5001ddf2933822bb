package docker

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

func TestContainerIsAnOrphanOnlyWhenItsOuterCommandHasCertainlyEnded(t *testing.T) {
	living := func(pid int) bool { return pid == 100 }
	here := map[string]string{hostLabel: "here", spaceLabel: "pid:[1]"}
	for _, c := range []struct {
		name   string
		labels map[string]string
		want   bool
	}{
		{"its process lives", map[string]string{pidLabel: "100", hostLabel: "here", spaceLabel: "pid:[1]"}, false},
		{"its process has ended", map[string]string{pidLabel: "101", hostLabel: "here", spaceLabel: "pid:[1]"}, true},
		{"an ended process of another machine", map[string]string{pidLabel: "101", hostLabel: "there", spaceLabel: "pid:[1]"}, false},
		{"no process here, one of another namespace", map[string]string{pidLabel: "101", hostLabel: "here", spaceLabel: "pid:[2]"}, false},
		{"a process without a machine", map[string]string{pidLabel: "101", spaceLabel: "pid:[1]"}, false},
		{"a process without a namespace", map[string]string{pidLabel: "101", hostLabel: "here"}, false},
		{"no process named", here, true},
		{"process 0", map[string]string{pidLabel: "0", hostLabel: "here", spaceLabel: "pid:[1]"}, true},
		{"no number", map[string]string{pidLabel: "x", hostLabel: "here", spaceLabel: "pid:[1]"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := orphaned(c.labels, here, living); got != c.want {
				t.Errorf("orphaned: %t, want %t", got, c.want)
			}
		})
	}
	if orphaned(map[string]string{pidLabel: "101", hostLabel: "here"}, map[string]string{hostLabel: "here"}, living) {
		t.Error("who does not know its own namespace judges others")
	}
}

func TestLabelsNameThisProcess(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got := labels("run-1")
	want := map[string]string{runLabel: "run-1", pidLabel: strconv.Itoa(os.Getpid()), hostLabel: host, spaceLabel: got[spaceLabel]}
	if diff := cmp.Diff(want, got); diff != "" || got[spaceLabel] == "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if orphaned(got, got, alive) {
		t.Error("a container of this process counts as an orphan")
	}
}

func TestAliveTellsRunningProcessesFromEndedOnes(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	if alive(ended.Process.Pid) {
		t.Errorf("process %d has ended and was waited for, and counts as alive", ended.Process.Pid)
	}
	if !alive(os.Getpid()) || !alive(1) {
		t.Error("this process and process 1 run, and count as ended")
	}
}

func TestContentBelongsToRootAndIsReadableByAll(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	for _, name := range sandbox.Commands {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "probe.py"), []byte("# probe"), 0o600),
		os.WriteFile(filepath.Join(dir, "run.sh"), []byte("true"), 0o700),
		os.Mkdir(filepath.Join(dir, "sub"), 0o700),
		os.Symlink("../probe.py", filepath.Join(dir, "sub", "link")),
	); err != nil {
		t.Fatal(err)
	}
	file, err := content(bin, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // each sandbox reads it from the beginning
		in, err := whole(file)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for archive := tar.NewReader(in); ; {
			h, err := archive.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			got[h.Name] = fmt.Sprintf("%c %o %d:%d %s%s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Linkname, text)
		}
		want := map[string]string{
			"understudy":                           "5 755 0:0 ",
			"understudy/bin":                       "5 755 0:0 ",
			"understudy/bin/understudy-worker":     "0 755 0:0 understudy-worker",
			"understudy/bin/understudy-runner":     "0 755 0:0 understudy-runner",
			"understudy/bin/understudy-supervisor": "0 755 0:0 understudy-supervisor",
			"understudy/bin/understudy-fetcher":    "0 755 0:0 understudy-fetcher",
			"understudy/bin/understudy-keeper":     "0 755 0:0 understudy-keeper",
			"understudy/bin/understudy-puppet":     "0 755 0:0 understudy-puppet",
			"understudy/implementation":            "5 755 0:0 ",
			"understudy/implementation/probe.py":   "0 644 0:0 # probe",
			"understudy/implementation/run.sh":     "0 755 0:0 true",
			"understudy/implementation/sub":        "5 755 0:0 ",
			"understudy/implementation/sub/link":   "2 777 0:0 ../probe.py",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("content (-want +got):\n%s", diff)
		}
	}
	if err := discard(file); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s after discard: %v, want that it is gone", file.Name(), err)
	}
}

func TestExitCodesBecomeErrors(t *testing.T) {
	for _, c := range []struct {
		end  container.WaitResponse
		want string
	}{
		{container.WaitResponse{}, ""},
		{container.WaitResponse{Error: &container.WaitExitError{}}, ""},
		{container.WaitResponse{StatusCode: 137}, "exit status 137"},
		{container.WaitResponse{Error: &container.WaitExitError{Message: "no such runtime"}}, "docker: the engine says about the end: no such runtime"},
	} {
		got := ""
		if err := exit(c.end); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.end, got, c.want)
		}
	}
}
