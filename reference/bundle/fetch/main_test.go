package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/descent"
)

// Variables that make the test binary a fetching program, good or bad, and name a folder
// that it makes.
const (
	act  = "UNDERSTUDY_FETCH_ACT"
	mark = "UNDERSTUDY_FETCH_MARK"
)

func TestMain(m *testing.M) {
	switch os.Getenv(act) {
	case "":
		os.Exit(apart.Run(m.Run))
	case "fetch":
		if err := Main(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "dumpable": // what Main is when it reads its request
		if err := Main(dumpable{}, os.Stdout); err != nil {
			os.Exit(1)
		}
	case "crash":
		panic("a tree of a thousand branches")
	case "complain":
		fmt.Fprint(os.Stderr, strings.Repeat("complaint ", 10_000))
		os.Exit(7)
	case "babble":
		fmt.Print("no answer")
	case "nothing":
		fmt.Print("{}")
	case "other":
		fmt.Printf(`{"Version": %q}`, strings.Repeat("1", 40))
	case "end":
		end()
	case "end once":
		if os.Mkdir(os.Getenv(mark), 0o700) == nil {
			end()
		}
		fmt.Print(`{"Error": "the second start"}`)
	case "much":
		fmt.Printf(`{"Version": %q}`, strings.Repeat("x", 2<<20))
	case "flood":
		for chunk := bytes.Repeat([]byte("["), 1<<20); ; {
			if _, err := os.Stdout.Write(chunk); err != nil {
				break
			}
		}
	case "wait":
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		panic("no such act")
	}
	os.Exit(0)
}

// dumpable is an input that tells, at its first reading, whether others may look into this process.
type dumpable struct{}

func (dumpable) Read([]byte) (int, error) {
	value, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Fprintf(os.Stdout, `{"Error": "dumpable %d, %v"}`, value, err)
	os.Exit(0)
	return 0, nil
}

// end ends this process as somebody would who asks a whole group to end.
func end() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	time.Sleep(time.Minute)
}

func program(does string) bundle.Fetcher {
	return bundle.Program(os.Args[0], append(os.Environ(), act+"="+does))
}

func TestProgramsThatFailAreToldWithWhatTheySaid(t *testing.T) {
	for does, want := range map[string]string{
		"crash":    "exit status 2\npanic: a tree of a thousand branches",
		"complain": "exit status 7\ncomplaint complaint",
		"babble":   "its answer is not understood: invalid character",
		"much":     "its answer has more than 1048576 octets",
		"end":      "signal: terminated",
	} {
		_, err := program(does)(t.Context(), bundle.Request{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), os.Args[0]) {
			t.Errorf("%s: got %v, want the program and %q", does, err, want)
		}
		if err != nil && len(err.Error()) > 4096 {
			t.Errorf("%s: an error of %d octets", does, len(err.Error()))
		}
	}
	if _, err := program("dumpable")(t.Context(), bundle.Request{}); err == nil || err.Error() != "dumpable 0, <nil>" {
		t.Errorf("when the request is read: %v", err)
	}
	_, err := bundle.Program("/nonexistent/fetcher", nil)(t.Context(), bundle.Request{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent/fetcher") {
		t.Errorf("absent program: got %v", err)
	}
}

// An answer is believed if the store has what it says.
func TestAnswersAreChecked(t *testing.T) {
	for does, want := range map[string]string{"nothing": `is version ""`, "other": "is version \"1111"} {
		for _, version := range []string{"", strings.Repeat("2", 40)} {
			p := preparer(t)
			p.Fetch = program(does)
			tree, err := p.Prepare(t.Context(), bundle.Definition{Name: "dags", Git: &bundle.Git{URL: "git://h/r", TrackingRef: "main"}}, version)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s for version %q: got %+v, %v, want %q", does, version, tree, err, want)
			}
		}
	}
}

// Signals to a whole group mean the supervisor.
func TestProgramThatASignalEndedIsStartedOnceMore(t *testing.T) {
	t.Setenv(mark, filepath.Join(t.TempDir(), "mark"))
	if _, err := program("end once")(t.Context(), bundle.Request{}); err == nil || err.Error() != "the second start" {
		t.Errorf("got %v, want the answer of the second start", err)
	}
}

// Whoever prints without end is ended with the request.
func TestProgramsEndWithTheirRequest(t *testing.T) {
	for _, does := range []string{"flood", "wait"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := program(does)(ctx, bundle.Request{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want that the deadline is exceeded", does, err)
		}
	}
	if left, err := descent.Of(os.Getpid()); err != nil || len(left) > 0 {
		t.Errorf("processes are left: %+v, %v", left, err)
	}
}

// What keeps it from its answer here is a lock that somebody else holds.
func TestMainGivesUpAtTheEndOfItsInput(t *testing.T) {
	p := preparer(t)
	defer hold(t, p)()
	request, err := json.Marshal(bundle.Request{Root: p.Root, Name: "dags", Git: bundle.Git{URL: "git://127.0.0.1:1/r", TrackingRef: "main"}, Bounds: bundle.Bounds{LockTimeout: patience.Limit}})
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), act+"=fetch")
	cmd.Stdin = bytes.NewReader(request) // and then its end
	output, err := cmd.Output()
	var answer bundle.Answer
	if err == nil {
		err = json.Unmarshal(output, &answer)
	}
	if err != nil || !strings.Contains(answer.Error, context.Canceled.Error()) {
		t.Errorf("got %s, %v, want an answer that tells of the end", output, err)
	}
}

// A terminal and a service manager send signals to all processes of a supervisor, which
// lets its task go on. And who may look into processes must not find credentials.
func TestFetchingGoesOnWhenTheSupervisorIsAskedToEnd(t *testing.T) {
	u := newUpstream(t)
	id := u.commit("refs/heads/main", file{name: "a", text: "A"})
	def := u.definition()
	def.Git.URL = strings.Replace(guarded(t, u).URL, "http://", "http://reader:"+password+"@", 1) + "/repo.git"
	p := preparer(t)
	p.Fetch = program("fetch")
	unlock := hold(t, p)
	type outcome struct {
		tree bundle.Tree
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		tree, err := p.Prepare(t.Context(), def, id)
		ended <- outcome{tree, err}
	}()
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	pid := ignores(t, signals)
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if errors.Is(err, os.ErrPermission) && file == "environ" {
			continue // nobody but root may look
		}
		if err != nil || len(text) == 0 || bytes.Contains(text, []byte(password)) {
			t.Errorf("%s holds the password, or nothing: %q, %v", file, text, err)
		}
	}
	for _, signal := range signals {
		must(t, syscall.Kill(pid, signal))
	}
	unlock()
	if got := <-ended; got.err != nil || got.tree.Version != id {
		t.Errorf("got %+v, %v, want version %s", got.tree, got.err, id)
	}
}

// ignores returns the pid of a program below this process that ignores all of the signals,
// once there is one.
func ignores(t *testing.T, signals []syscall.Signal) int {
	t.Helper()
	var all uint64
	for _, s := range signals {
		all |= 1 << (s - 1)
	}
	for deadline := time.Now().Add(patience.Limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		below, err := descent.Of(os.Getpid())
		must(t, err)
		for _, process := range below {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.PID)) // gone meanwhile: none
			_, rest, _ := strings.Cut(string(status), "SigIgn:")
			var ignored uint64
			if _, err := fmt.Sscanf(rest, "%x", &ignored); err == nil && ignored&all == all {
				return process.PID
			}
		}
	}
	t.Fatalf("no program ignores %v", signals)
	return 0
}
