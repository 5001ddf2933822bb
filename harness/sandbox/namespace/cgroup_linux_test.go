package namespace

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/sandbox"
)

// TestGroupPlaces reads what systems of both versions say, with a unified hierarchy that has the controllers or not.
func TestGroupPlaces(t *testing.T) {
	unified := t.TempDir()
	session := filepath.Join(unified, "user.slice", "session.scope")
	if err := os.MkdirAll(session, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{unified, session} {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte("cpu memory pids\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bare := t.TempDir()
	if err := os.WriteFile(filepath.Join(bare, "cgroup.controllers"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one := "20 1 0:20 / /c/memory rw - cgroup cgroup rw,memory\n21 1 0:21 / /c/pids rw - cgroup cgroup rw,pids\n"
	for name, c := range map[string]struct {
		own, mounts string
		want        []place
	}{
		"version 1": {"8:pids:/\n4:memory:/a/b\n", one, []place{
			{parents: []string{"/c/memory/a/b"}, controllers: []string{"memory"}}, {parents: []string{"/c/pids"}, controllers: []string{"pids"}},
		}},
		"version 1, in a container that sees its own part": {
			"8:pids:/docker/1\n4:memory:/docker/1\n", strings.ReplaceAll(one, " / /c", " /docker/1 /c"), []place{
				{parents: []string{"/c/memory"}, controllers: []string{"memory"}}, {parents: []string{"/c/pids"}, controllers: []string{"pids"}},
			}},
		"version 1, of another container": {"8:pids:/docker/2\n4:memory:/docker/2\n", strings.ReplaceAll(one, " / /c", " /docker/1 /c"), nil},
		"version 2": {"0::/user.slice/session.scope\n", "30 1 0:30 / " + unified + " rw - cgroup2 cgroup2 rw\n", []place{
			{parents: []string{unified + "/user.slice/session.scope", unified + "/user.slice"}, controllers: []string{"memory", "pids"}, unified: true},
		}},
		"version 2, at the root":             {"0::/\n", "30 1 0:30 / " + unified + " rw - cgroup2 cgroup2 rw\n", []place{{parents: []string{unified}, controllers: []string{"memory", "pids"}, unified: true}}},
		"version 2, without the controllers": {"0::/\n", "30 1 0:30 / " + bare + " rw - cgroup2 cgroup2 rw\n", nil},
		"nothing mounted":                    {"0::/\n", "1 0 0:1 / / rw - ext4 /dev/sda rw\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"cgroup": c.own, "mountinfo": c.mounts} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := groupPlaces(filepath.Join(dir, "cgroup"), filepath.Join(dir, "mountinfo"))
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(place{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err == nil) != (c.want != nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestBoundsOfASandbox reads the limits that the kernel has of one, and looks for what remains afterwards.
func TestBoundsOfASandbox(t *testing.T) {
	b := prepared(t, ":")
	if got := b.Environment()[sandbox.BoundsFact]; got != sandbox.Bounded() {
		t.Skipf("no control groups here: %s", got)
	}
	x, _ := b.box(t, "echo ready")
	within := x.p.(*process).group
	found := map[string]string{}
	for _, limit := range limits {
		for _, dir := range within {
			if text, err := os.ReadFile(filepath.Join(dir, limit.file)); err == nil && !limit.optional {
				found[limit.file] = strings.TrimSpace(string(text))
			}
		}
	}
	want := map[string]string{"pids.max": strconv.Itoa(sandbox.MaxProcesses)}
	for file := range found {
		if strings.HasPrefix(file, "memory.") {
			want[file] = strconv.Itoa(sandbox.MaxMemory)
		}
	}
	if diff := cmp.Diff(want, found); diff != "" || len(found) != 2 {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	runs := b.bounds.dirs
	if err := x.p.End(); err != nil {
		t.Fatal(err)
	}
	_ = x.p.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(runs, within...) {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

// TestGroupsOfDeadRunsGo makes what a run leaves whose sweeper was killed, too.
func TestGroupsOfDeadRunsGo(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{groupPrefix + "1/1", groupPrefix + "2", "foreign-1-2"} {
		if err := os.MkdirAll(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := makeLocked(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	sweepGroups(parent)
	left, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string{"foreign-1-2", filepath.Base(alive.Name())}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
