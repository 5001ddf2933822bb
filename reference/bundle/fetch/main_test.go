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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-conformance/understudy/reference/bundle"
	"github.com/understudy-conformance/understudy/reference/descent"
)

// act is the variable that makes the test binary a fetching program, good or bad.
const act = "UNDERSTUDY_TEST_ACT"

func TestMain(m *testing.M) {
	switch os.Getenv(act) {
	case "":
		os.Exit(m.Run())
	case "fetch":
		if err := Main(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "crash":
		panic("a tree of a thousand branches")
	case "complain":
		fmt.Fprint(os.Stderr, strings.Repeat("complaint ", 10_000))
		os.Exit(7)
	case "babble":
		fmt.Print("no answer")
	case "flood":
		for chunk := bytes.Repeat([]byte("["), 1<<20); ; {
			if _, err := os.Stdout.Write(chunk); err != nil {
				break
			}
		}
	case "wait":
		fmt.Fprintln(os.Stderr, "waits")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	os.Exit(0)
}

func program(does string) bundle.Fetcher {
	return bundle.Program(os.Args[0], append(os.Environ(), act+"="+does))
}

func TestProgramsThatFailAreToldWithWhatTheySaid(t *testing.T) {
	for does, want := range map[string]string{
		"crash":    "exit status 2\npanic: a tree of a thousand branches",
		"complain": "exit status 7\ncomplaint complaint",
		"babble":   "invalid character",
	} {
		_, err := program(does)(t.Context(), bundle.Request{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), os.Args[0]) {
			t.Errorf("%s: got %v, want the program and %q", does, err, want)
		}
		if err != nil && len(err.Error()) > 4096 {
			t.Errorf("%s: an error of %d octets", does, len(err.Error()))
		}
	}
	_, err := bundle.Program("/nonexistent/fetcher", nil)(t.Context(), bundle.Request{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent/fetcher") {
		t.Errorf("absent program: got %v", err)
	}
}

// Whoever prints without end is ended with the request, and takes no memory meanwhile.
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
	s, err := bundle.OpenStore(p.Root, "dags")
	must(t, err)
	unlock, err := store{s}.lock(t.Context(), time.Second)
	must(t, err)
	defer unlock()
	request, err := json.Marshal(bundle.Request{Root: p.Root, Name: "dags", Git: bundle.Git{URL: "git://127.0.0.1:1/r", TrackingRef: "main"}})
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
	s, err := bundle.OpenStore(p.Root, "dags")
	must(t, err)
	unlock, err := store{s}.lock(t.Context(), time.Second)
	must(t, err)
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
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
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
