//go:build sudo

// The tests of this file need sudo and the accounts airflow and alice, and change
// the sudo policy of the machine. The tier "sudo" of ci/test gives them a container.

package runner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

// worker is an account that may switch to the account target without password.
const (
	worker = "airflow"
	target = "alice"
)

// accounts returns the accounts airflow and alice.
func accounts(t *testing.T) (from, to impersonate.Account) {
	t.Helper()
	from, err := impersonate.Lookup(t.Context(), worker)
	if err == nil {
		to, err = impersonate.Lookup(t.Context(), target)
	}
	if err != nil {
		t.Fatal(err)
	}
	return from, to
}

// dagAs is a Dag file with a task for the target.
const dagAs = "dag_id: probe\ntasks:\n  - {id: probe}\n  - {id: probe_alice, run_as_user: alice}\n  - {id: probe_ghost, run_as_user: no-such-user}\n"

// startAs starts the runner as the worker with a bundle for the target.
func startAs(t *testing.T, from impersonate.Account, s script) *attempt {
	t.Helper()
	dir := openDir(t)
	if err := os.WriteFile(filepath.Join(dir, "probe.yaml"), []byte(dagAs), 0o644); err != nil {
		t.Fatal(err)
	}
	s.uid = from.UID
	s.env = append(s.env, fmt.Sprintf(`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, dir))
	if s.task == "" {
		s.task = "probe_alice"
	}
	return start(t, s)
}

func TestSudoSwitches(t *testing.T) {
	from, to := accounts(t)
	ballast := strings.Repeat("0123456789abcdef", 20<<20/16)
	a := startAs(t, from, script{
		env: []string{"AIRFLOW__CORE__FERNET_KEY=secret", "KRB5CCNAME=/tmp/x", "PYTHONPATH=/lib", "LOGNAME=alice", "AIRFLOW__CORE__PARALLELISM=77"},
		conf: fmt.Sprintf(`{"ballast":%q,"verbs":[
			{"do":"whoami","save":"who"},{"do":"list_environment","save":"names"},{"do":"open_files","save":"files"},
			{"do":"setting","section":"core","key":"parallelism","save":"parallelism"},
			{"do":"log","message":"as alice"},{"do":"log","message":"real stdout","channel":"stdout"},
			{"do":"log","message":"real stderr","channel":"stderr"}]}`, ballast),
	})
	a.ends(0, resend, resend, "SetXCom", "SetXCom", "SetXCom", "SetXCom", "SucceedTask")
	var who struct {
		RUID, EUID, SUID, RGID, EGID, SGID int
		Groups                             []int
	}
	a.result("who", &who)
	if who.RUID != to.UID || who.EUID != to.UID || who.SUID != to.UID || who.RGID != to.GID || who.EGID != to.GID || who.SGID != to.GID || !slices.Equal(who.Groups, to.Groups) {
		t.Errorf("identity %+v, want %+v", who, to)
	}
	var names []string
	a.result("names", &names)
	if want := []string{"HOME", "LOGNAME", "MAIL", "PATH", "PYTHONPATH", "SHELL", "USER"}; !slices.Equal(names, want) {
		t.Errorf("environment %v, want %v", names, want)
	}
	var parallelism string
	a.result("parallelism", &parallelism)
	if parallelism != "77" || a.stdout.String() != "real stdout\n" || !strings.HasSuffix(a.stderr.String(), "real stderr\n") {
		t.Errorf("parallelism %q, stdout %q, stderr %q", parallelism, &a.stdout, &a.stderr)
	}
	var files []struct{ Target string }
	a.result("files", &files)
	for _, f := range files {
		if strings.Contains(f.Target, "memfd") {
			t.Errorf("the hand-over is still open: %v", files)
		}
	}
	a.says("log", &a.log, "switching to user alice", "as alice")
}

// TestSudoIsFollowed sends signals to sudo, the process that the supervisor has,
// with the rights of the worker.
func TestSudoIsFollowed(t *testing.T) {
	from, _ := accounts(t)
	verbs := func(mark string) string {
		return `[` + familyVerbs(mark) + `,{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600}]`
	}
	t.Run("SIGTERM is relayed", func(t *testing.T) {
		mark := marked(t)
		a := startAs(t, from, script{verbs: verbs(mark), shouldRetry: true})
		<-a.reach
		a.cmd.Process.Signal(unix.SIGTERM)
		a.ends(0, resend, resend, "SetXCom", "RetryTask")
		if left := alive(t, mark); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	for name, sig := range map[string]func(a *attempt){
		"SIGKILL of sudo":        func(a *attempt) { kill(a.t, from, a.cmd.Process.Pid) },
		"SIGKILL of the group":   func(a *attempt) { kill(a.t, from, -a.cmd.Process.Pid) },
		"the end of the channel": func(a *attempt) { a.hangUp() },
	} {
		t.Run(name, func(t *testing.T) {
			mark := marked(t)
			a := startAs(t, from, script{verbs: verbs(mark)})
			<-a.reach
			if n := len(alive(t, mark)); n < 3 {
				t.Fatalf("only %d processes run before", n)
			}
			sig(a)
			select {
			case <-a.served:
			case <-time.After(patience.Limit):
				t.Error("the runner goes on")
			}
			if code := a.wait(); code == 0 {
				t.Error("exit code 0")
			}
			if left := alive(t, mark); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// kill sends SIGKILL as an account that is not root.
func kill(t *testing.T, as impersonate.Account, pid int) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "kill -KILL "+strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: impersonate.Credential(as)}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("kill %d as %s: %v, %s", pid, as.Name, err, text)
	}
}

// TestSudoSwitchesRegisteredTasks is the way of a program with tasks of its own,
// which is this test program.
func TestSudoSwitchesRegisteredTasks(t *testing.T) {
	from, _ := accounts(t)
	a := startAs(t, from, script{bodies: true, answer: variables})
	a.ends(0, resend, resend, "GetVariable", "SetXCom", "SucceedTask")
	var who []string
	if a.result("who", &who); !slices.Equal(who, []string{target, "value of v"}) {
		t.Errorf("got %q", who)
	}
}

// TestSudoPolicies writes sudoers files of its own.
func TestSudoPolicies(t *testing.T) {
	from, _ := accounts(t)
	const file = "/etc/sudoers.d/zz-understudy-test"
	t.Cleanup(func() { os.Remove(file) })
	for name, test := range map[string]struct {
		policy string
		code   int
		says   []string
	}{
		"input logged":        {"Defaults log_input\n", 1, []string{"log_input"}},
		"output logged":       {"Defaults log_output\n", 0, nil},
		"both logged":         {"Defaults log_input, log_output\n", 1, []string{"log_input"}},
		"no environment":      {"airflow ALL=(ALL) NOPASSWD: NOSETENV: ALL\n", 0, nil},
		"password":            {"airflow ALL=(ALL) PASSWD: ALL\n", 1, []string{"password is required"}},
		"groups kept":         {"Defaults preserve_groups\n", 1, []string{"preserve_groups", "alice"}},
		"direct execution":    {"Defaults !pam_session, !pam_setcred, !use_pty\n", 0, nil},
		"pty":                 {"Defaults use_pty\n", 0, nil},
		"this command only":   {"airflow ALL=(ALL) PASSWD: ALL\nairflow ALL=(alice) NOPASSWD: " + command + "\n", 0, nil},
		"environment kept":    {"Defaults !env_reset\n", 0, nil},
		"another umask":       {"Defaults umask=0077, umask_override\n", 0, nil},
		"another user's rule": {"airflow ALL=(ALL) PASSWD: ALL\nairflow ALL=(bob) NOPASSWD: ALL\n", 1, []string{"password is required"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.policy), 0o440); err != nil {
				t.Fatal(err)
			}
			dir := openDir(t)
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			a := startAs(t, from, script{verbs: fmt.Sprintf(`[{"do":"write_file","path":%q,"text":"x","save":"written"}]`, dir+"/f")})
			if test.code == 0 {
				a.ends(0, resend, resend, "SetXCom", "SucceedTask")
				var written struct{ Mode string }
				a.result("written", &written)
				if written.Mode != "0644" {
					t.Errorf("mode %s", written.Mode)
				}
				return
			}
			a.ends(test.code, resend)
			a.says("stderr", &a.stderr, test.says...)
			a.says("log", &a.log, "alice")
		})
	}
}
