package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/message"
	"github.com/understudy-conformance/understudy/reference/impersonate"
)

const resend = "ResendLoggingFD"

func TestPlainTaskSucceeds(t *testing.T) {
	a := start(t, script{byteByByte: true, verbs: `[
		{"do":"push_xcom","key":"k","value":{"a":[1,2.5,null]}},
		{"do":"pull_xcom","task_id":"probe","key":"k","save":"again"},
		{"do":"open_files","save":"files"},
		{"do":"log","message":"a line"},
		{"do":"log","message":"on stdout","channel":"stdout"},
		{"do":"log","message":"on stderr","channel":"stderr"}]`})
	a.ends(0, resend, "SetXCom", "GetXCom", "SetXCom", "SetXCom", "SucceedTask")
	for i, r := range a.requests {
		if r.ID != int64(i) {
			t.Errorf("request %d has id %d", i, r.ID)
		}
	}
	if !slices.Equal(a.xcoms["k"], a.xcoms["again"]) {
		t.Errorf("pushed %x, pulled %x", a.xcoms["k"], a.xcoms["again"])
	}
	a.says("log", &a.log, `"event":"a line"`, `"level":"info"`, `"dag_id":"probe"`)
	if a.stdout.String() != "on stdout\n" || a.stderr.String() != "on stderr\n" {
		t.Errorf("stdout %q, stderr %q", &a.stdout, &a.stderr)
	}
	var files []struct {
		FD     int
		Target string
	}
	a.result("files", &files)
	sockets := 0
	for _, f := range files {
		if f.FD == 0 && f.Target != "/dev/null" {
			t.Errorf("descriptor 0 is %s", f.Target)
		}
		if strings.HasPrefix(f.Target, "socket:") {
			sockets++
		}
	}
	if sockets != 2 {
		t.Errorf("%d sockets open, want the channel and the log channel: %v", sockets, files)
	}
}

func TestFailuresAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		retry    bool
		terminal string
	}{"without retries": {false, "TaskState"}, "with retries": {true, "RetryTask"}} {
		t.Run(name, func(t *testing.T) {
			a := start(t, script{shouldRetry: test.retry, verbs: `[{"do":"fail","message":"for a reason"}]`})
			a.ends(0, resend, test.terminal)
			if state, ok := a.requests[1].Body.(*message.TaskState); ok && (state.State != message.StateFailed || state.EndDate == nil) {
				t.Errorf("TaskState %+v", state)
			}
			a.says("log", &a.log, "for a reason", `"level":"error"`, `"exc_value"`)
		})
	}
}

func TestExitIsNoTerminal(t *testing.T) {
	a := start(t, script{verbs: `[{"do":"log","message":"last","count":2000},{"do":"exit","code":7}]`})
	a.ends(7, resend)
	a.says("log", &a.log, `"event":"last 1999"`)
	if n := strings.Count(a.log.String(), "\n"); n != 2000 {
		t.Errorf("%d lines in the log, want 2000", n)
	}
}

func TestTerminalMessageAndItsAnswer(t *testing.T) {
	refusal := &message.Response{Err: &message.ErrorResponse{Error: message.APIServerError}}
	for name, test := range map[string]struct {
		verbs, terminal string
		answer          *message.Response
		code            int
	}{
		"success, silence": {`[]`, "SucceedTask", noAnswer, 0},
		"success, refused": {`[]`, "SucceedTask", refusal, 0},
		"failed, silence":  {`[{"do":"fail","message":"m"}]`, "TaskState", noAnswer, 0},
		"failed, refused":  {`[{"do":"fail","message":"m"}]`, "TaskState", refusal, 1},
		"success, end":     {`[]`, "SucceedTask", hangUp, 0},
		"failed, end":      {`[{"do":"fail","message":"m"}]`, "TaskState", hangUp, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, script{verbs: test.verbs, env: []string{"AIRFLOW__UNDERSTUDY__TERMINAL_TIMEOUT=0.2"}, answer: func(b message.Body) *message.Response {
				if _, terminal := message.TerminalState(b); terminal {
					return test.answer
				}
				return nil
			}})
			a.ends(test.code, resend, test.terminal)
			if test.answer == refusal {
				a.says("log", &a.log, "API_SERVER_ERROR")
			}
		})
	}
}

func TestWithoutLogDescriptorTheTaskGoesOn(t *testing.T) {
	a := start(t, script{noLog: true, verbs: `[{"do":"log","message":"kept"}]`})
	a.ends(0, resend, "SucceedTask")
	a.says("stderr", &a.stderr, `"event":"kept"`, "no descriptor")
}

func TestMissingTaskIsRescheduled(t *testing.T) {
	env := []string{"AIRFLOW__WORKERS__MISSING_DAG_RETRIES=2", "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY=5"}
	for _, s := range []script{{task: "absent", reschedules: 1}, {dag: "absent", reschedules: 1}} {
		s.env = env
		a := start(t, s)
		a.ends(0, resend, "RescheduleTask")
		r := a.requests[1].Body.(*message.RescheduleTask)
		if got := r.RescheduleDate.Sub(r.EndDate.Time); got != 5*time.Second {
			t.Errorf("rescheduled after %v, want 5 s", got)
		}
		a.says("log", &a.log, "absent", "not found")
		s.reschedules = 2
		a = start(t, s)
		a.ends(1, resend)
		a.says("log", &a.log, "absent")
		a.says("stderr", &a.stderr, "absent")
	}
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	for name, test := range map[string]struct {
		script
		says []string
	}{
		"unknown user":           {script{task: "probe_ghost"}, []string{`"no-such-user"`, "unknown user"}},
		"unknown default user":   {script{env: []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=no-such-user"}}, []string{`"no-such-user"`}},
		"name like an option":    {script{task: "probe_option"}, []string{`"--help"`, "option"}},
		"number that is none":    {script{env: []string{"AIRFLOW__WORKERS__MISSING_DAG_RETRIES=some"}}, []string{"missing_dag_retries", `"some"`}},
		"heartbeat that is bad":  {script{env: []string{"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=x"}}, []string{"min_heartbeat_interval"}},
		"unreadable settings":    {script{env: []string{"AIRFLOW_CONFIG=/proc"}}, []string{"/proc", "uid " + strconv.Itoa(os.Geteuid())}},
		"unknown bundle":         {script{env: []string{"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[]"}}, []string{`"dags"`, "not configured"}},
		"bundle that is absent":  {script{env: []string{`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":"/no/such/dir"}}]`}}, []string{"/no/such/dir"}},
		"bundle of another kind": {script{env: []string{`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"x.S3DagBundle"}]`}}, []string{"S3DagBundle", "not supported"}},
		"version not prepared":   {script{version: strings.Repeat("a", 40), env: []string{"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=/no/store"}}, []string{"/no/store/repo/versions/" + strings.Repeat("a", 40) + "/sub"}},
		"version is no commit":   {script{version: "../..", env: []string{"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=/no/store"}}, []string{"../..", "no commit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.verbs = `[{"do":"push_xcom","key":"ran","value":true}]`
			a := start(t, test.script)
			a.ends(1, resend)
			a.says("log", &a.log, `"level":"error"`)
			for _, word := range test.says {
				a.says("stderr", &a.stderr, word)
				a.says("log", &a.log, strings.ReplaceAll(word, `"`, `\"`))
			}
		})
	}
}

func TestPreparedGitVersionIsRead(t *testing.T) {
	store := openDir(t)
	version := strings.Repeat("0a", 20)
	dir := filepath.Join(store, "repo", "versions", version, "sub")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "probe.yaml"), []byte(dagFile), 0o444); err != nil {
		t.Fatal(err)
	}
	a := start(t, script{version: version, env: []string{"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=" + store}})
	a.ends(0, resend, "SucceedTask")
}

// alive lists the processes that have that argument.
func alive(t *testing.T, argument string) []int {
	t.Helper()
	var pids []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(text), "\x00"+argument+"\x00") { // that of a zombie is empty
			pids = append(pids, pid)
		}
	}
	return pids
}

// marked is an argument of sleep that no other process has.
func marked(t *testing.T) string {
	return fmt.Sprintf("9%d.%d", os.Getpid(), time.Now().UnixNano()%1e9)
}

// familyVerbs start a child, a daemon, a child of a child, and one that leaves
// the session as an orphan.
func familyVerbs(mark string) string {
	return fmt.Sprintf(`{"do":"spawn","argv":["sleep",%q]},{"do":"spawn","argv":["sleep",%q],"daemonise":true},
		{"do":"spawn","argv":["sh","-c","sleep $0 & wait",%q]},
		{"do":"spawn","argv":["sh","-c","(setsid sleep $0 &) ; exit",%q]}`, mark, mark, mark, mark)
}

func TestTheEndOfSupervisionEndsTheFamily(t *testing.T) {
	t.Run("channel closed", func(t *testing.T) {
		mark := marked(t)
		a := start(t, script{verbs: `[` + familyVerbs(mark) + `,{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600}]`})
		<-a.reach
		if n := len(alive(t, mark)); n < 3 {
			t.Fatalf("only %d processes run before", n)
		}
		a.hangUp()
		if code := a.wait(); code != 1 {
			t.Errorf("exit code %d", code)
		}
		if left := alive(t, mark); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		a.says("log", &a.log, "closed the channel")
	})
	t.Run("parent killed", func(t *testing.T) {
		mark := marked(t)
		a := start(t, script{
			verbs: `[` + familyVerbs(mark) + `,{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600}]`,
			argv: func(runner string) []string {
				return []string{"sh", "-c", `exec 3<&0; "$0" <&3 3<&- & exec 3<&-; wait`, runner}
			},
		})
		<-a.reach
		if n := len(alive(t, mark)); n < 3 {
			t.Fatalf("only %d processes run before", n)
		}
		a.cmd.Process.Kill()
		select {
		case <-a.served: // the runner closed its end, which nobody asked it to
		case <-time.After(patience.Limit):
			t.Error("the runner outlived its parent")
		}
		a.wait()
		if left := alive(t, mark); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		a.says("log", &a.log, "parent process has ended")
	})
}

func TestSuccessEndsWhatIsLeft(t *testing.T) {
	mark := marked(t)
	a := start(t, script{verbs: `[` + familyVerbs(mark) + `]`})
	a.ends(0, resend, "SucceedTask")
	if left := alive(t, mark); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestFamilyThatGrowsIsEnded ends a shell that starts processes as fast as it can.
func TestFamilyThatGrowsIsEnded(t *testing.T) {
	mark := marked(t)
	a := start(t, script{verbs: fmt.Sprintf(`[{"do":"spawn","daemonise":true,"argv":["sh","-c",
		"i=0; while [ $i -lt 2000 ]; do setsid sleep $0 & i=$((i+1)); done; wait",%q]},{"do":"sleep","seconds":0.2}]`, mark)})
	a.ends(0, resend, "SucceedTask")
	if left := alive(t, mark); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSIGTERMStopsTheTaskOnce(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		a := start(t, script{verbs: `[{"do":"push_xcom","key":"at_gate","value":1},{"do":"sleep","seconds":600},{"do":"push_xcom","key":"late","value":1}]`})
		<-a.reach
		for range 3 {
			a.cmd.Process.Signal(sig)
		}
		a.ends(0, resend, "SetXCom", "TaskState")
		a.says("log", &a.log, "stopped by")
		if n := strings.Count(a.log.String(), "the task is to stop"); n != 1 {
			t.Errorf("stopped %d times", n)
		}
	}
}

func TestIgnoredSIGTERM(t *testing.T) {
	a := start(t, script{verbs: `[{"do":"ignore_sigterm"},{"do":"signal_self","signal":"SIGTERM"},{"do":"push_xcom","key":"after","value":1}]`})
	a.ends(0, resend, "SetXCom", "SucceedTask")
}

func TestMarkersOfAirflowDoNotCount(t *testing.T) {
	a := start(t, script{task: "probe_ghost", env: []string{"_AIRFLOW__REEXECUTED_PROCESS=1", "LOGNAME=no-such-user", "USER=no-such-user"}})
	a.ends(1, resend)
	a = start(t, script{env: []string{"_AIRFLOW__REEXECUTED_PROCESS=1", "_AIRFLOW__STARTUP_MSG={}", "KEPT=1"}, verbs: `[{"do":"list_environment","save":"names"}]`})
	a.ends(0, resend, "SetXCom", "SucceedTask")
	var names []string
	a.result("names", &names)
	if !slices.Contains(names, "KEPT") || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "_AIRFLOW") }) {
		t.Errorf("environment of the own user: %v", names)
	}
}

// TestRootSwitches is the whole switch without sudo: 20 MiB of startup data, an
// environment full of secrets, a lie about the user.
func TestRootSwitches(t *testing.T) {
	asRoot(t)
	nobody, err := impersonate.Lookup(context.Background(), "nobody")
	if err != nil {
		t.Skipf("no account to switch to: %v", err)
	}
	ballast := strings.Repeat("0123456789abcdef", 20<<20/16)
	dir := openDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, s := range []script{
		{task: "probe_nobody", env: []string{"LOGNAME=nobody", "USER=nobody", "AIRFLOW__CORE__DEFAULT_IMPERSONATION=root"}},
		{task: "probe", env: []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=nobody"}},
	} {
		s.env = append(s.env, "AIRFLOW__CORE__FERNET_KEY=secret", "KRB5CCNAME=/tmp/x", "TZ=UTC", "SITE=1",
			"AIRFLOW__UNDERSTUDY__PASS_ENVIRONMENT=SITE", "AIRFLOW__UNDERSTUDY__UMASK=0027", "AIRFLOW__CORE__PARALLELISM=77")
		s.conf = fmt.Sprintf(`{"ballast":%q,"verbs":[
			{"do":"whoami","save":"who"},{"do":"list_environment","save":"names"},{"do":"open_files","save":"files"},
			{"do":"setting","section":"core","key":"parallelism","save":"parallelism"},
			{"do":"setting","section":"core","key":"fernet_key","save":"fernet"},
			{"do":"write_file","path":%q,"text":"x","save":"written"},
			{"do":"log","message":"as nobody"},{"do":"log","message":"real stdout","channel":"stdout"}]}`, ballast, filepath.Join(dir, s.task))
		a := start(t, s)
		pid := a.cmd.Process.Pid
		a.ends(0, resend, resend, "SetXCom", "SetXCom", "SetXCom", "SetXCom", "SetXCom", "SetXCom", "SucceedTask")
		if a.requests[0].ID != 0 || a.requests[1].ID != 0 {
			t.Errorf("ids %d, %d: both stages count from 0", a.requests[0].ID, a.requests[1].ID)
		}
		var who struct {
			RUID, EUID, SUID, RGID, EGID, SGID, PID int
			Groups                                  []int
		}
		a.result("who", &who)
		for _, id := range []int{who.RUID, who.EUID, who.SUID} {
			if id != nobody.UID {
				t.Errorf("uids %+v, want %d", who, nobody.UID)
			}
		}
		if who.RGID != nobody.GID || who.EGID != nobody.GID || who.SGID != nobody.GID || !slices.Equal(who.Groups, nobody.Groups) {
			t.Errorf("gids %+v, want %d and %v", who, nobody.GID, nobody.Groups)
		}
		if who.PID != pid {
			t.Errorf("pid %d became %d", pid, who.PID)
		}
		var names []string
		a.result("names", &names)
		if want := []string{"HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "SITE", "TZ", "USER"}; !slices.Equal(names, want) {
			t.Errorf("environment %v, want %v", names, want)
		}
		var parallelism string
		var fernet *string
		var written struct{ Mode string }
		a.result("parallelism", &parallelism)
		a.result("fernet", &fernet)
		a.result("written", &written)
		if parallelism != "77" || fernet != nil || written.Mode != "0640" {
			t.Errorf("parallelism %q, fernet key %v, mode %s", parallelism, fernet, written.Mode)
		}
		var files []struct{ Target string }
		a.result("files", &files)
		for _, f := range files {
			if strings.Contains(f.Target, "memfd") {
				t.Errorf("the hand-over is still open: %v", files)
			}
		}
		if a.stdout.String() != "real stdout\n" {
			t.Errorf("stdout %q", &a.stdout)
		}
		a.says("log", &a.log, "switching to user nobody", "as nobody", `"resume"`)
		if strings.Contains(a.log.String(), "secret") {
			t.Error("the log holds a secret")
		}
	}
}

func TestUnreadableBundleIsExplained(t *testing.T) {
	asRoot(t)
	for name, test := range map[string]struct {
		spoil func(a string) error
		says  []string
	}{
		"directory": {func(dir string) error { return os.Chmod(dir, 0o711) }, []string{"no read permission"}},
		"parent":    {func(dir string) error { return os.Chmod(dir, 0o744) }, []string{"no search permission"}},
		"behind a link": {func(dir string) error {
			if err := os.Mkdir(dir+"/closed", 0o700); err != nil {
				return err
			}
			if err := os.Rename(dir+"/probe.yaml", dir+"/closed/probe.yaml"); err != nil {
				return err
			}
			return os.Symlink("closed/probe.yaml", dir+"/probe.yaml")
		}, []string{"no read permission", "probe.yaml"}},
		"linked directory": {func(dir string) error {
			if err := os.MkdirAll(dir+"/closed/open", 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(dir+"/closed/open/probe.yaml", []byte(dagFile), 0o644); err != nil {
				return err
			}
			if err := os.Symlink("closed/open", dir+"/bundle"); err != nil {
				return err
			}
			return os.Chmod(dir+"/closed", 0o700)
		}, []string{"no search permission on", "/closed"}},
		"Dag file": {func(dir string) error { return os.Chmod(filepath.Join(dir, "probe.yaml"), 0o600) }, []string{"no read permission", "probe.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			if err := os.WriteFile(filepath.Join(dir, "probe.yaml"), []byte(dagFile), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			bundle := dir
			if _, err := os.Lstat(dir + "/bundle"); err == nil {
				bundle += "/bundle"
			}
			a := start(t, script{task: "probe_nobody", verbs: `[{"do":"push_xcom","key":"ran","value":1}]`, env: []string{
				fmt.Sprintf(`AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, bundle)}})
			a.ends(1, resend, resend)
			a.says("stderr", &a.stderr, append(test.says, dir, "nobody")...)
			a.says("log", &a.log, append(test.says, dir, "nobody")...)
		})
	}
}

// TestPlainAccount starts the runner as nobody, who has no sudo on this machine
// or is not allowed to use it.
func TestPlainAccount(t *testing.T) {
	asRoot(t)
	const nobody = 65534
	a := start(t, script{uid: nobody, task: "probe_root"})
	a.ends(1, resend)
	a.says("stderr", &a.stderr, `"root"`, "refused")

	a = start(t, script{uid: nobody, task: "probe_root", env: []string{"AIRFLOW__UNDERSTUDY__ALLOW_ROOT=True", "PATH=/no/sudo/here"}})
	a.ends(1, resend)
	a.says("stderr", &a.stderr, "root", "sudo")
	a.says("log", &a.log, "root", "sudo")

	a = start(t, script{uid: nobody, task: "probe_nobody", env: []string{"AIRFLOW__CORE__DEFAULT_IMPERSONATION=no-such-user"}})
	a.ends(0, resend, "SucceedTask")

	a = start(t, script{uid: 61999, verbs: `[{"do":"whoami","save":"who"}]`}) // no account at all
	a.ends(0, resend, "SetXCom", "SucceedTask")
}

func TestSupervisorsSwitch(t *testing.T) {
	asRoot(t)
	bundle := openDir(t)
	if err := os.WriteFile(filepath.Join(bundle, "probe.yaml"), []byte(dagFile), 0o644); err != nil {
		t.Fatal(err)
	}
	handed := &Handed{Switched: true, Environment: map[string]string{"TZ": "UTC", "HOME": "/root"}, Settings: map[string]string{
		"dag_processor.dag_bundle_config_list": fmt.Sprintf(`[{"name":"dags","classpath":"LocalDagBundle","kwargs":{"path":%q}}]`, bundle),
		"core.default_impersonation":           "root", "core.x": "given",
		"understudy.pass_environment": "", "understudy.allow_root": "False", "understudy.umask": "0077", "understudy.max_frame_bytes": "1000000",
		"understudy.terminal_timeout": "2", "understudy.kill_step": "5", "workers.missing_dag_retries": "3", "workers.missing_dag_retry_delay": "60",
	}}
	a := start(t, script{uid: 65534, task: "probe_root", handed: handed,
		env:   []string{"AIRFLOW_CONFIG=/proc", "AIRFLOW__CORE__X=of the environment", "LEFT=over"},
		verbs: `[{"do":"whoami","save":"who"},{"do":"list_environment","save":"names"},{"do":"setting","section":"core","key":"x","save":"x"}]`})
	a.ends(0, resend, "SetXCom", "SetXCom", "SetXCom", "SucceedTask")
	var who struct{ EUID int }
	var names []string
	var x string
	a.result("who", &who)
	a.result("names", &names)
	a.result("x", &x)
	if who.EUID != 65534 || x != "given" || !slices.Equal(names, []string{"HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "TZ", "USER"}) {
		t.Errorf("uid %d, setting %q, environment %v", who.EUID, x, names)
	}

	handed.Target = &impersonate.Account{Name: "somebody", UID: 65534, GID: 65534, Groups: []int{65534}, Home: "/h", Shell: "/s"}
	a = start(t, script{uid: 65534, handed: handed, verbs: `[{"do":"list_environment","save":"names"}]`})
	a.ends(0, resend, "SetXCom", "SucceedTask")
	for name, change := range map[string]func(*impersonate.Account){
		"uid":    func(t *impersonate.Account) { t.UID = 1 },
		"groups": func(t *impersonate.Account) { t.Groups = nil },
	} {
		other := *handed
		other.Target = new(*handed.Target)
		change(other.Target)
		a = start(t, script{uid: 65534, handed: &other})
		a.ends(1)
		a.says("stderr of another "+name, &a.stderr, "the switch to user somebody")
	}
}

func TestDescriptorsThatSudoPoliciesReplace(t *testing.T) {
	for _, args := range [][]string{nil, {"resume"}} {
		cmd := exec.Command(command, args...)
		cmd.Stdin = strings.NewReader("")
		text, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(text), "log_input") {
			t.Errorf("%v with a pipe on 0: %v, %s", args, err, text)
		}
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	channel, other := os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "other")
	defer channel.Close()
	defer other.Close()
	var stderr strings.Builder
	cmd := exec.Command(command, "resume")
	cmd.Stdin, cmd.Stderr = channel, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), "no startup data") {
		t.Errorf("resume with a socket that has nothing in it: %v, %s", err, &stderr)
	}
}

func TestFirstFrameHasToBeStartupDetails(t *testing.T) {
	for name, first := range map[string]string{
		"nothing": "", "half a header": "\x00\x00", "empty frame": "\x00\x00\x00\x00", "not MessagePack": "\x00\x00\x00\x01\xc1",
		"another message": "\x00\x00\x00\x16\x93\x00\x82\xa4type\xaaOKResponse\xa2ok\xc3\xc0"[:26],
	} {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		child, own := os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "own")
		own.WriteString(first)
		unix.Shutdown(fds[1], unix.SHUT_WR)
		cmd := exec.Command(command)
		cmd.Stdin = child
		var stderr strings.Builder
		cmd.Stderr = &stderr
		err = cmd.Run()
		child.Close()
		own.Close()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.String(), "startup details") {
			t.Errorf("%s: %v, %s", name, err, &stderr)
		}
	}
}
