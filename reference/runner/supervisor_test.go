package runner

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
	fd0 "github.com/understudy-conformance/understudy/protocol/channel"
	"github.com/understudy-conformance/understudy/protocol/frame"
	"github.com/understudy-conformance/understudy/protocol/message"
)

// command is the runner, built by TestMain where every user can execute it.
var command string

// TestMain builds the runner, or takes the one that UNDERSTUDY_RUNNER names
// where there is no Go to build it with, as in the container of the tier "sudo".
func TestMain(m *testing.M) {
	if os.Getenv(bodiesVariable) != "" || len(os.Args) == 2 && os.Args[1] == "resume" { // after sudo there is no variable
		registerBodies()
		Main()
	}
	os.Exit(apart.Run(func() int {
		if command = os.Getenv("UNDERSTUDY_RUNNER"); command != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "understudy-runner-test")
		if err == nil {
			err = os.Chmod(dir, 0o755)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		command = filepath.Join(dir, "understudy-runner")
		if err := build(command, "github.com/understudy-conformance/understudy/cmd/understudy-runner"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}))
}

// build puts the program of a package at path.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

const dagFile = `dag_id: probe
tasks:
  - {id: probe}
  - {id: probe_nobody, run_as_user: nobody}
  - {id: probe_root, run_as_user: root}
  - {id: probe_ghost, run_as_user: no-such-user}
  - {id: probe_option, run_as_user: --help}
`

// script says how a supervisor treats one runner.
type script struct {
	task        string // default "probe"
	dag         string // Dag id, default "probe"
	conf        string // dag_run.conf as JSON
	verbs       string // or only its verbs
	env         []string
	uid         int // of the runner; 0 is the test's own
	shouldRetry bool
	reschedules int
	handed      *Handed
	version     string // of the bundle

	noLog      bool                                 // answer ResendLoggingFD without descriptor
	byteByByte bool                                 // startup frame
	answer     func(message.Body) *message.Response // nil: the usual answer
	argv       func(runner string) []string

	file        string      // Dag file, default dagFile
	path        string      // of the Dag file in the bundle, default probe.yaml
	bodies      bool        // start this test program, with the tasks of registerBodies
	coordinated coordinator // or "": fd 0
}

// What script.answer can return besides answers.
var (
	noAnswer = &message.Response{ID: -1} // stay silent
	hangUp   = &message.Response{ID: -2} // close the channel
)

// attempt is a running runner and all that came from it.
type attempt struct {
	t      *testing.T
	cmd    *exec.Cmd
	conn   duplex
	bundle string
	served chan struct{} // closed when the channel has ended
	logs   sync.WaitGroup
	waited sync.Once
	reach  chan string // barrier XComs

	mu       sync.Mutex
	requests []message.Request
	xcoms    map[string]message.Raw
	log      bytes.Buffer
	stdout   bytes.Buffer
	stderr   bytes.Buffer
}

// duplex is the supervisor's end of a channel, on a socket pair or on TCP.
type duplex interface {
	net.Conn
	CloseRead() error
	CloseWrite() error
}

// start runs the command with a supervisor that follows s.
func start(t *testing.T, s script) *attempt {
	t.Helper()
	a := &attempt{t: t, served: make(chan struct{}), xcoms: map[string]message.Raw{}, reach: make(chan string, 8)}
	a.bundle = openDir(t)
	if err := os.WriteFile(filepath.Join(a.bundle, or(s.path, "probe.yaml")), []byte(or(s.file, dagFile)), 0o644); err != nil {
		t.Fatal(err)
	}
	conn, child, err := fd0.Pair()
	if err != nil {
		t.Fatal(err)
	}
	a.conn = conn
	argv := []string{command}
	if s.bodies {
		argv[0] = os.Args[0]
		s.env = append(s.env, bodiesVariable+"=1")
		if f := flag.Lookup("test.gocoverdir"); f != nil && f.Value.String() != "" { // what it covers counts
			s.env = append(s.env, "GOCOVERDIR="+f.Value.String())
		}
	}
	if s.argv != nil {
		argv = s.argv(argv[0])
	}
	accept := func() {}
	if s.coordinated != "" {
		flags, connect := s.coordinated.listen(a)
		argv = append(argv, flags...)
		accept = connect
	}
	a.cmd = exec.Command(argv[0], argv[1:]...)
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = child, &a.stdout, &a.stderr
	a.cmd.Dir = "/"
	a.cmd.WaitDelay = patience.Limit
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.uid != 0 {
		a.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.uid), Groups: []uint32{uint32(s.uid)}}
	}
	a.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "AIRFLOW_HOME=/nonexistent",
		"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=" + a.bundleList(),
	}, s.env...)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child.Close()
	accept()
	t.Cleanup(func() { a.cmd.Process.Kill(); a.wait(); a.conn.Close() })

	details := a.details(s)
	payload, err := EncodeStartup(details, s.handed)
	if err != nil {
		t.Fatal(err)
	}
	go a.serve(s, frame.Append(nil, payload))
	return a
}

// openDir is a directory that every user can read and enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "understudy-runner-bundle")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (a *attempt) bundleList() string {
	return fmt.Sprintf(`[{"name":"dags","classpath":"airflow.dag_processing.bundles.local.LocalDagBundle","kwargs":{"path":%q}},
		{"name":"repo","classpath":"airflow.providers.git.bundles.git.GitDagBundle","kwargs":{"subdir":"sub"}}]`, a.bundle)
}

func (a *attempt) details(s script) *message.StartupDetails {
	if s.conf == "" && s.verbs != "" {
		s.conf = `{"verbs":` + s.verbs + `}`
	}
	var conf message.Raw
	if s.conf != "" {
		if err := conf.UnmarshalJSON([]byte(s.conf)); err != nil {
			a.t.Fatal(err)
		}
	}
	now := message.At(time.Now())
	d := &message.StartupDetails{
		TI: message.TaskInstance{
			ID: "0199aaaa-0000-7000-8000-000000000001", TaskID: or(s.task, "probe"), DagID: or(s.dag, "probe"), RunID: "r1",
			TryNumber: 1, DagVersionID: "0199aaaa-0000-7000-8000-000000000002",
		},
		DagRelPath: or(s.path, "probe.yaml"),
		BundleInfo: message.BundleInfo{Name: "dags"},
		StartDate:  now,
		TIContext: message.TIRunContext{
			DagRun: message.DagRun{
				DagID: or(s.dag, "probe"), RunID: "r1", RunAfter: now, RunType: message.RunManual, State: message.RunRunning, Conf: conf,
			},
			ShouldRetry: s.shouldRetry, TaskRescheduleCount: s.reschedules,
		},
	}
	if s.version != "" {
		d.BundleInfo = message.BundleInfo{Name: "repo", Version: &s.version}
	}
	return d
}

func (a *attempt) serve(s script, startup []byte) {
	defer close(a.served)
	step := len(startup)
	if s.byteByByte {
		step = 1
	}
	for chunk := range slices.Chunk(startup, step) {
		if _, err := a.conn.Write(chunk); err != nil {
			return
		}
	}
	_ = fd0.Serve(a.conn, 0, nil, func(w *fd0.Writer, payload []byte) error { // what it was served says how it ended
		request, err := message.DecodeRequest(payload)
		if err != nil {
			a.t.Errorf("the runner sent %v", err)
			return err
		}
		a.mu.Lock()
		a.requests = append(a.requests, request)
		a.mu.Unlock()
		return a.reply(w, s, request)
	})
}

func (a *attempt) reply(w *fd0.Writer, s script, request message.Request) error {
	response := &message.Response{}
	if s.answer != nil {
		switch given := s.answer(request.Body); given {
		case nil:
		case noAnswer:
			return nil
		case hangUp:
			a.hangUp()
			return nil
		default:
			once := *given // scripts of parallel tests share it
			response = &once
		}
	}
	var log *os.File
	switch r := request.Body.(type) {
	case *message.ResendLoggingFD:
		response.Body = &message.SentFDs{FDs: message.List[int]{99}}
		if !s.noLog {
			if log = a.logChannel(); log != nil {
				defer log.Close()
			}
		}
	case *message.SetXCom:
		a.mu.Lock()
		a.xcoms[r.Key] = r.Value
		a.mu.Unlock()
		if strings.HasPrefix(r.Key, "at_") {
			a.reach <- r.Key
		}
	case *message.GetXCom:
		a.mu.Lock()
		if response.Body == nil {
			response.Body = &message.XComResult{Key: r.Key, Value: a.xcoms[r.Key]}
		}
		a.mu.Unlock()
	}
	response.ID = request.ID
	payload, err := message.EncodeResponse(*response)
	if err != nil {
		a.t.Error(err)
		return err
	}
	if log != nil {
		return w.WriteWith(payload, log)
	}
	return w.Write(payload)
}

// logChannel returns the end for the runner of a new log channel.
func (a *attempt) logChannel() *os.File {
	r, theirs, err := fd0.Pair()
	if err != nil {
		a.t.Error(err)
		return nil
	}
	a.logs.Go(func() {
		defer r.Close()
		text, _ := io.ReadAll(r)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.log.Write(text)
	})
	return theirs
}

// hangUp closes the supervisor's end of the channel.
func (a *attempt) hangUp() {
	_ = a.conn.CloseRead()
	_ = a.conn.CloseWrite()
}

// wait returns the exit code once the process has ended and all it wrote is read.
func (a *attempt) wait() int {
	a.t.Helper()
	a.waited.Do(func() {
		late := time.AfterFunc(2*patience.Limit, func() {
			a.t.Errorf("the runner did not end in time")
			a.cmd.Process.Kill()
		})
		defer late.Stop()
		a.cmd.Wait()
		a.hangUp()
		<-a.served
		a.logs.Wait()
	})
	return a.cmd.ProcessState.ExitCode()
}

// ends waits and compares exit code and the types of the requests, of which
// every task has ResendLoggingFD first.
func (a *attempt) ends(code int, requests ...string) {
	a.t.Helper()
	if got := a.wait(); got != code {
		a.t.Errorf("exit code %d, want %d", got, code)
	}
	var types []string
	for _, r := range a.requests {
		types = append(types, r.Body.MessageType())
	}
	if !slices.Equal(types, requests) {
		a.t.Errorf("requests %v, want %v", types, requests)
	}
	if a.t.Failed() {
		a.t.Logf("log:\n%s\nstdout:\n%s\nstderr:\n%s", &a.log, &a.stdout, &a.stderr)
	}
}

// result decodes an XCom of the task.
func (a *attempt) result(key string, into any) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	text, err := a.xcoms[key].MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		a.t.Fatalf("XCom %s: %v", key, err)
	}
}

// says checks that text holds all words.
func (a *attempt) says(where string, text fmt.Stringer, words ...string) {
	a.t.Helper()
	for _, word := range words {
		if !strings.Contains(text.String(), word) {
			a.t.Errorf("%s lacks %q:\n%s", where, word, text)
		}
	}
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("switching without sudo needs root")
	}
}
