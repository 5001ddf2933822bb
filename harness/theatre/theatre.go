// Package theatre plays scenarios in tests of the stage and of its doors, with a fake
// implementation: the test binary itself.
package theatre

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/internal/apart"
	"github.com/understudy-conformance/understudy/internal/busy"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// Main is the body of a TestMain: it lets the test binary play the implementation under
// test, as the stage starts it, the stand-in parent and the puppet.
func Main(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "fake-runner":
		os.Exit(fakeRunner())
	case len(os.Args) == 3 && os.Args[1] == "fake-worker":
		os.Exit(fakeWorker(os.Args[2]))
	case len(os.Args) == 3 && os.Args[1] == "fake-serve":
		os.Exit(fakeServe(os.Args[2]))
	case len(os.Args) == 4 && os.Args[1] == "fake-submit":
		os.Exit(fakeSubmit(os.Args[2], os.Args[3]))
	case len(os.Args) == 4 && os.Args[1] == "fake-supervisor":
		ended(fakeSupervisor(os.Args[2], os.Args[3]))
	case filepath.Base(os.Args[0]) == puppet.Command:
		os.Exit(puppet.Main(os.Args[1:], os.Stdout, os.Stderr))
	case len(os.Args) == 3 && os.Args[1] == "parent":
		ended(runner.StandIn(os.Args[2]))
	}
	os.Exit(apart.Run(m.Run))
}

// ended ends a part that the test binary played.
func ended(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Theatre is a session with the fake implementation, outside any sandbox: it
// uses the numbers of the fixture accounts, which need not exist.
type Theatre struct {
	stage.Session
	mu     sync.Mutex
	events []journal.Event
}

// WorkerUID is that of the account airflow.
const WorkerUID = 61001

// New returns a theatre of its own for one test.
func New(t *testing.T) *Theatre {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the stage starts processes of other users: needs root")
	}
	// Not t.TempDir: the fixture users must get into the folder.
	dir, err := os.MkdirTemp("", "stage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copySelf(t, filepath.Join(dir, "fake"))
	if err := os.Link(filepath.Join(dir, "fake"), filepath.Join(dir, puppet.Command)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "probe"), []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	quick := map[string]string{"GORACE": "atexit_sleep_ms=0"} // the race detector would rest for a second
	th := &Theatre{}
	th.Session = stage.Session{
		Doors: stage.Doors{role.Runner: runner.Open, role.Supervisor: supervisor.Open, role.Worker: worker.Open},
		Plan: plan.Plan{
			Attempt: 1, Bin: dir, Implementation: dir,
			Manifest: implementation.Manifest{
				Probe: "probe", Slowness: 0.5, Capabilities: []string{"declared"}, Lacks: map[string]string{"other": "too new"},
				Roles: map[role.Role]implementation.Launch{
					role.Runner: {Argv: []string{"{bin}/fake", "fake-runner"}, Channel: "fd0", Env: quick},
					role.Supervisor: {
						Argv: []string{"{bin}/fake", "fake-supervisor", "{workload}", "{runner}"}, Channel: "http", Switch: "supervisor", Env: quick,
					},
					role.Worker: {Argv: []string{"{bin}/fake", "fake-worker", "{workload}"}, Channel: "http", Env: quick},
				},
			},
		},
		Write: func(e journal.Event) {
			th.mu.Lock()
			defer th.mu.Unlock()
			th.events = append(th.events, e)
		},
		Root: filepath.Join(dir, "cases"),
		Tidy: func() error { return nil },
		Busy: busy.Factor,
	}
	return th
}

// Serve has workers hand their tasks to a server.
func (th *Theatre) Serve() {
	how := th.Plan.Manifest.Roles[role.Worker]
	how.Serve = []string{"{bin}/fake", "fake-serve", "{serve_dir}/socket"}
	how.Argv = []string{"{bin}/fake", "fake-submit", "{serve_dir}/socket", "{workload}"}
	th.Plan.Manifest.Roles[role.Worker] = how
}

func copySelf(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, from); err != nil {
		t.Fatal(err)
	}
}

// Holds reports whether what a scenario checks holds.
func Holds(t *testing.T, check func(stage.Check)) bool {
	t.Helper()
	th := New(t)
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) { check(s.Require("IMP-004")) }})
	if o.Outcome != journal.Violated {
		th.Require(t, o, journal.Held)
	}
	return o.Outcome == journal.Held
}

// Perform plays one scenario and requires that nothing is left of it.
func (th *Theatre) Perform(t *testing.T, as role.Role, spec stage.Spec) journal.Observation {
	t.Helper()
	if spec.Verifies == nil {
		spec.Verifies = []string{"IMP-004"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
	defer cancel()
	ended := th.Play(ctx, spec, plan.Case{ID: "case", Role: as, BudgetMS: 300_000})
	if len(ended.Dirty) > 0 {
		t.Errorf("the case left: %s", strings.Join(ended.Dirty, "; "))
	}
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.HasUID(WorkerUID) && !p.Zombie() {
			t.Errorf("a process is left: %v", p)
		}
	}
	if left, _ := os.ReadDir(th.Root); len(left) > 0 {
		t.Errorf("%d files are left in %s", len(left), th.Root)
	}
	return ended.Observation
}

// Require wants an outcome, or else logs what happened.
func (th *Theatre) Require(t *testing.T, o journal.Observation, want journal.Outcome) {
	t.Helper()
	if o.Outcome != want {
		t.Errorf("the outcome is %s, want %s: %+v", o.Outcome, want, o)
		for line := range strings.Lines(th.Transcript()) {
			t.Logf("%.400s", line)
		}
	}
}

// Transcript is the journal as text.
func (th *Theatre) Transcript() string {
	th.mu.Lock()
	defer th.mu.Unlock()
	var text strings.Builder
	for _, e := range th.events {
		line, _ := e.Marshal()
		text.Write(line)
	}
	return text.String()
}

// Are lists the events that are what is asked for.
func (th *Theatre) Are(is func(journal.Event) bool) []journal.Event {
	th.mu.Lock()
	defer th.mu.Unlock()
	var found []journal.Event
	for _, e := range th.events {
		if is(e) {
			found = append(found, e)
		}
	}
	return found
}
