package worker

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/shell"
)

// ran is what a command did.
type ran struct {
	code   int
	stdout string
	stderr string
}

// play executes a command with an input.
func play(t *testing.T, e plan.Exec, input string) ran {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("to change the user needs root")
	}
	var in, out bytes.Buffer
	frames := shell.NewWriter(&in)
	size, _ := shell.Size{Rows: 40, Columns: 99}.MarshalBinary()
	if err := frames.Write(shell.Window, size); err != nil { // first, as a client does: the command may look once it has its input
		t.Fatal(err)
	}
	if _, err := io.WriteString(frames.Stream(shell.Input), input); err != nil {
		t.Fatal(err)
	}
	if err := frames.Write(shell.End, nil); err != nil {
		t.Fatal(err)
	}
	code, err := execute(e, &in, shell.NewWriter(&out))
	if err != nil {
		t.Fatal(err)
	}
	got := ran{code: code}
	for from := shell.NewReader(&out); ; {
		f, err := from.Next()
		if err != nil {
			return got
		}
		switch f.Kind {
		case shell.Output:
			got.stdout += string(f.Payload)
		case shell.Errors:
			got.stderr += string(f.Payload)
		}
	}
}

func TestExecPassesEverythingThrough(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	for _, c := range []struct {
		name, input string
		argv        []string
		user        string
		want        ran
	}{
		{"input and output", long, []string{"cat"}, "root", ran{0, long, ""}},
		{"nothing read", long, []string{"true"}, "root", ran{}},
		{"exit code", "", []string{"sh", "-c", "echo out; echo err >&2; exit 7"}, "root", ran{7, "out\n", "err\n"}},
		{"signal", "", []string{"sh", "-c", "kill -9 $$"}, "root", ran{code: 128 + 9}},
		{"absent", "", []string{"no-such-command"}, "root", ran{127, "", "understudy: exec: \"no-such-command\": executable file not found in $PATH\n"}},
		{"no program", "", []string{"/etc"}, "root", ran{126, "", "understudy: fork/exec /etc: permission denied\n"}},
		{"folder", "", []string{"pwd"}, "root", ran{0, "/\n", ""}},
		{"environment", "", []string{"sh", "-c", "echo $HOME $USER $LOGNAME ${GORACE-none} ${TERM-none}"}, "root", ran{0, "/root root root none none\n", ""}},
		{"account", "", []string{"sh", "-c", "echo $HOME; id -u; id -G"}, "alice", ran{0, "/home/alice\n61002\n61300 61100 61102\n", ""}},
		{"user id", "", []string{"id", "-u"}, "4711", ran{0, "4711\n", ""}},
		{"a daemon holds the output", "", []string{"sh", "-c", "sleep 600 & head -c 60000 /dev/zero | tr '\\0' x"}, "root", ran{0, strings.Repeat("x", 60000), ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := play(t, plan.Exec{Argv: c.argv, User: c.user}, c.input)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(ran{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestExecOnATerminal(t *testing.T) {
	got := play(t, plan.Exec{
		Argv: []string{"sh", "-c", "read line; stty size; stat -c %u $(tty); echo $TERM got $line >&2; exit 5"}, User: "alice", Terminal: "vt100",
	}, "typed\n")
	want := fmt.Sprintf("typed\r\n40 99\r\n%d\r\nvt100 got typed\r\n", 61002)
	if got.code != 5 || got.stdout != want || got.stderr != "" {
		t.Errorf("got %+v, want code 5 and %q", got, want)
	}
}

func TestExecRefusesAnUnknownAccount(t *testing.T) {
	_, err := execute(plan.Exec{Argv: []string{"true"}, User: "ghost"}, strings.NewReader(""), shell.NewWriter(io.Discard))
	if err == nil || !strings.Contains(err.Error(), `no account "ghost"`) {
		t.Errorf("error %v", err)
	}
}

// Of all accounts that a shell offers each exists in the sandbox.
func TestShellAccountsExist(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to change the user needs root")
	}
	for i, name := range account.Names() {
		want := "0\n"
		if i > 0 {
			want = strconv.Itoa(61000+i) + "\n"
		}
		if got := play(t, plan.Exec{Argv: []string{"id", "-u"}, User: name}, ""); got.stdout != want {
			t.Errorf("%s has user id %q, want %q", name, got.stdout, want)
		}
	}
}

func TestInitFeedsExec(t *testing.T) {
	s := startInit(t, `{"exec":{"argv":["unused"]}}`+"\nthe rest")
	if line, err := s.journal.ReadString('\n'); line != "exec reads the r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	// Exec reads no more and still runs: the end of the input ends it.
	if _, err := io.WriteString(s.stdin, strings.Repeat("x", 200)); err != nil {
		t.Fatal(err)
	}
	s.stdin.Close()
	if code := s.end(t); code != 128+15 {
		t.Errorf("exit code %d; stderr %s", code, s.stderr.String())
	}
}
