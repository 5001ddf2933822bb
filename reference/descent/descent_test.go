package descent

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	for in, want := range map[string]struct {
		p      Process
		parent int
		ok     bool
	}{
		"5 (sh) S 4 5 5 0":         {Process{Name: "sh", Group: 5, Session: 5}, 4, true},
		"5 (a) Z 1) (b) Z 9 5 5 0": {Process{Name: "a) Z 1) (b", Group: 5, Session: 5, Zombie: true}, 9, true},
		"5 (sh) S 4 5 none":        {Process{}, 0, false},
		"5 (sh) S 4 5":             {Process{}, 0, false},
		"5 (x\n) R 7 5 6":          {Process{Name: "x\n", Group: 5, Session: 6}, 7, true},
		"5 (sh) S four 5":          {Process{}, 0, false},
		"":                         {Process{}, 0, false},
		"5 (sh":                    {Process{}, 0, false},
		"5 (sh) S 4 none":          {Process{}, 0, false},
		"5 (sh) S 4":               {Process{}, 0, false},
		"5 (sh) S":                 {Process{}, 0, false},
		")(":                       {Process{}, 0, false},
	} {
		p, parent, ok := parseStat([]byte(in))
		if ok != want.ok || ok && (p != want.p || parent != want.parent) {
			t.Errorf("%q: %+v, %d, %v", in, p, parent, ok)
		}
	}
}

func TestDescendantsAreFoundAndTheDeadAreKnown(t *testing.T) {
	cmd := exec.Command("sh", "-c", "cat; true") // a child and a grandchild
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // the grandchild runs
		t.Fatal(err)
	}
	below := func(root int, name string) Process {
		t.Helper()
		all, err := Of(root)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(p Process) bool { return p.Name == name && (p.PID == cmd.Process.Pid || name == "cat") })
		if i < 0 {
			t.Fatalf("no %s among the descendants of %d: %+v", name, root, all)
		}
		return all[i]
	}
	for _, found := range []Process{below(0, "sh"), below(os.Getpid(), "sh"), below(os.Getpid(), "cat"), below(cmd.Process.Pid, "cat")} {
		if found.UID != os.Getuid() || found.Zombie {
			t.Errorf("%+v", found)
		}
	}
	if all, err := Of(cmd.Process.Pid); err != nil || len(all) != 1 {
		t.Errorf("below the child: %+v, %v", all, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if !below(os.Getpid(), "sh").Zombie {
		t.Error("who has ended counts as alive")
	}
}
