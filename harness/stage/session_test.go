package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/internal/patience"
)

// theatre is a session with the fake implementation, outside any sandbox: it
// uses the numbers of the fixture accounts, which need not exist.
type theatre struct {
	Session
	mu     sync.Mutex
	events []journal.Event
}

// workerUID is that of the account airflow.
const workerUID = 61001

func newTheatre(t *testing.T) *theatre {
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
	if err := os.WriteFile(filepath.Join(dir, "probe"), []byte("nothing"), 0o644); err != nil {
		t.Fatal(err)
	}
	quick := map[string]string{"GORACE": "atexit_sleep_ms=0"} // the race detector would rest for a second
	th := &theatre{}
	th.Session = Session{
		Plan: plan.Plan{
			Attempt: 1, Bin: dir, Implementation: dir,
			Manifest: implementation.Manifest{
				Probe: "probe", Slowness: 0.5, Capabilities: []string{"declared"}, Lacks: map[string]string{"other": "too new"},
				Roles: map[role.Role]implementation.Launch{
					role.Runner: {Argv: []string{"{bin}/fake", "fake-runner"}, Channel: "fd0", Env: quick},
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
	}
	return th
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

// play runs one scenario and requires that nothing is left of it.
func (th *theatre) play(t *testing.T, as role.Role, spec Spec) journal.Observation {
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
		if p.HasUID(workerUID) && !p.Zombie() {
			t.Errorf("a process is left: %v", p)
		}
	}
	if left, _ := os.ReadDir(th.Root); len(left) > 0 {
		t.Errorf("%d files are left in %s", len(left), th.Root)
	}
	return ended.Observation
}

func (th *theatre) require(t *testing.T, o journal.Observation, want journal.Outcome) {
	t.Helper()
	if o.Outcome != want {
		t.Errorf("the outcome is %s, want %s: %+v", o.Outcome, want, o)
		for line := range strings.Lines(th.transcript()) {
			t.Logf("%.400s", line)
		}
	}
}

func (th *theatre) transcript() string {
	th.mu.Lock()
	defer th.mu.Unlock()
	var text strings.Builder
	for _, e := range th.events {
		line, _ := e.Marshal()
		text.Write(line)
	}
	return text.String()
}

func isFrame(e journal.Event) bool   { return e.Frame != nil }
func isProcess(e journal.Event) bool { return e.Process != nil }

// are lists the events that are what is asked for.
func (th *theatre) are(is func(journal.Event) bool) []journal.Event {
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

func TestARunnerSucceeds(t *testing.T) {
	for name, wire := range map[string]Wire{
		"whole frames": {}, "byte by byte": {ByteByByte: true}, "one element": {Elements: 1}, "five elements": {Elements: 5},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
				run := s.Start(Task{Wire: wire, Verbs: Verbs(PushXCom("k", []int{1, 2}), Log("a line"))})
				end := run.Succeeds()
				check := s.Require("IMP-004")
				check.Equal("what was pushed", run.Result("k"), []int{1, 2})
				check.Equal("records", end.Records(), []any{map[string]any{"level": "info", "event": "a line"}})
				check.Equal("stdout", end.Stdout, "fake runner: started\n")
				check.Equal("terminal messages", len(end.Terminals), 1)
				check.Equal("open channels", end.Open, false)
			}})
			th.require(t, o, journal.Held)
			var dirs []string
			for _, e := range th.are(isFrame) {
				dirs = append(dirs, e.Frame.Dir)
				if e.Run != "plain" || e.Case != "case" || e.Frame.Octets == "" || e.Frame.Size == 0 {
					t.Errorf("a frame is journalled as %+v", e.Frame)
				}
			}
			if got := strings.Join(dirs, ""); got != "><><><>" {
				t.Errorf("frames went %s", got)
			}
		})
	}
}

func TestAtABarrierTheProcessIsThatOfTheWorkerAccount(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		run := s.Start(Task{Verbs: Verbs(WaitFor("here"), WaitFor("there"))})
		p := run.At("here")
		check := s.Require("IMP-004")
		check.Equal("process", p.PID, run.root.PID)
		check.Equal("uids", p.UIDs, []int{workerUID, workerUID, workerUID, workerUID})
		check.Equal("groups", p.Groups, []int{workerUID})
		check.Equal("group leader", p.Group, p.PID)
		fds, err := p.FDs()
		s.must(err)
		var targets []string
		for _, fd := range fds {
			if strings.HasPrefix(fd.Target, "socket:") {
				targets = append(targets, fmt.Sprint(fd.Number))
			}
		}
		check.Equal("sockets of the task", strings.Join(targets[:3], " "), "0 1 2")
		run.Release("here")
		check.Equal("the same process", run.At("there").PID, p.PID)
		run.Release("there")
		run.Succeeds()
		check.Equal("alive afterwards", p.Alive(), false)
	}})
	th.require(t, o, journal.Held)
	var notes []string
	for _, e := range th.are(isProcess) {
		notes = append(notes, e.Process.Note)
		if e.Run != "plain" || e.Process.Started.IsZero() || (e.Process.Note == "ended") == e.Process.Seen.IsZero() {
			t.Errorf("a process is journalled as %+v", e.Process)
		}
	}
	if diff := cmp.Diff([]string{"", "at barrier here", "at barrier there", "ended"}, notes); diff != "" {
		t.Errorf("notes: %s", diff)
	}
}

func TestWaysToEnd(t *testing.T) {
	for name, test := range map[string]struct {
		verbs []Verb
		want  string
	}{
		"exit code":        {Verbs(Exit(3)), "3  []"},
		"signal":           {Verbs(SignalSelf("SIGKILL")), "-1 SIGKILL []"},
		"terminal message": {Verbs(Fail("x")), "1  [failed]"},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
				end := s.Start(Task{Verbs: test.verbs}).Fails()
				states := []string{}
				for _, t := range end.Terminals {
					states = append(states, t.State)
				}
				s.Require("IMP-004").Equal("end", fmt.Sprintf("%d %s %v", end.ExitCode, end.Signal, states), test.want)
			}})
			th.require(t, o, journal.Held)
		})
	}
}

func TestViolationsSayWhatWasExpectedAndSeen(t *testing.T) {
	for name, test := range map[string]struct {
		run              func(*Stage)
		expected, actual string
	}{
		"success that fails": {
			func(s *Stage) { s.Start(Task{Name: "my run", Verbs: Verbs(Exit(3))}).Succeeds() },
			"my run succeeds", "ended with exit code 3; terminal messages: none",
		},
		"failure that succeeds": {
			func(s *Stage) { s.Start(Task{}).Fails() },
			"plain fails", "exit code 0; terminal messages: SucceedTask(success)",
		},
		"a barrier that is not reached": {
			func(s *Stage) { s.Start(Task{Verbs: Verbs(Exit(0), WaitFor("b"))}).At("b") },
			"plain to reach barrier b", "exit code 0",
		},
		"a deadline": {
			func(s *Stage) { // once it has said something
				run := s.Start(Task{Verbs: Verbs(Log("before"), WaitFor("b"))})
				run.At("b")
				run.EndWithin(time.Second)
			},
			"within 500ms: the process of plain to end", "still lives; terminal messages: none\nlast messages:\n#0 ResendLoggingFD{}",
		},
		"a result that is missing": {
			func(s *Stage) { run := s.Start(Task{}); run.End(); run.Result("absent") },
			`plain pushes an XCom "absent"`, "exit code 0",
		},
		"a check": {
			func(s *Stage) { s.Require("IMP-004").Equal("the number", 1, 2) },
			"2", "1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Runner, Spec{Run: test.run})
			th.require(t, o, journal.Violated)
			if o.Requirement != "IMP-004" || !strings.Contains(o.Expected, test.expected) || !strings.Contains(o.Actual, test.actual) {
				t.Errorf("the violation is %+v", o)
			}
			if !strings.HasPrefix(o.Where, "harness/stage/session_test.go:") {
				t.Errorf("it was seen at %q", o.Where)
			}
		})
	}
}

func TestOtherWaysToLeaveAScenario(t *testing.T) {
	for name, test := range map[string]struct {
		spec Spec
		want journal.Observation
	}{
		"capability that the manifest lacks": {
			Spec{Needs: []string{"declared", "other"}, Run: func(*Stage) { panic("must not run") }},
			journal.Observation{Outcome: journal.NotApplicable, Capability: "other", Says: "too new"},
		},
		"environment": {
			Spec{Run: func(s *Stage) { s.CouldNotRun("no network") }},
			journal.Observation{Outcome: journal.CouldNotRun, Says: "no network"},
		},
		"panic": {
			Spec{Run: func(*Stage) { panic("oh") }},
			journal.Observation{Outcome: journal.HarnessError, Says: "panic: oh"},
		},
		"requirement that is not declared": {
			Spec{Run: func(s *Stage) { s.Require("IMP-999") }},
			journal.Observation{Outcome: journal.HarnessError, Says: "the scenario checks IMP-999 but does not list it in Verifies"},
		},
		"implementation that is not there": {
			Spec{Run: func(s *Stage) {
				s.session.Plan.Manifest.Roles[role.Runner] = implementation.Launch{Argv: []string{"/nowhere"}, Channel: "fd0"}
				s.Start(Task{})
			}},
			journal.Observation{Outcome: journal.HarnessError, Says: "start /nowhere: fork/exec /nowhere: no such file or directory"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTheatre(t).play(t, role.Runner, test.spec)
			o.Where, o.Actual = "", ""
			if diff := cmp.Diff(test.want, o); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAClosedChannelAndADeadParentReachTheRunner(t *testing.T) {
	for name, test := range map[string]struct {
		parent bool
		act    func(*Run)
	}{
		"channel closed": {false, (*Run).CloseChannel},
		"parent killed":  {true, (*Run).KillParent},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
				run := s.Start(Task{Parent: test.parent, Verbs: Verbs(WaitFor("here"), Sleep(1))})
				run.At("here")
				run.Release("here")
				test.act(run)
				end := run.End()
				s.Require("IMP-004").Equal("it ended", run.Ended(), true)
				if !test.parent {
					s.Require("IMP-004").Equal("exit code", end.ExitCode, 7)
				}
			}})
			th.require(t, o, journal.Held)
		})
	}
}

func TestARunnerOfAStandInParentEndsLikeAnyOther(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		s.Start(Task{Parent: true}).Succeeds()
		end := s.Start(Task{Parent: true, Verbs: Verbs(SignalSelf("SIGKILL"))}).Fails()
		s.Require("IMP-004").Equal("signal", end.Signal, "SIGKILL")
	}})
	th.require(t, o, journal.Held)
}

func TestSurvivorsAreSeenJournalledAndKilled(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		run := s.Start(Task{Verbs: Verbs(Spawn("sleep"), WaitFor("here"))})
		run.At("here")
		run.Release("here")
		end := run.End()
		check := s.Require("IMP-004")
		check.Equal("nothing of the run holds a channel", end.Open, false)
		living := s.Alive(WorkerAccount)
		check.Equal("survivors", len(living), 1)
		seen := slices.ContainsFunc(run.Processes(), func(p proc.Process) bool { return p.PID == living[0].PID })
		check.Equal("the survivor is one of the processes of the run", seen, true)
		check.Equal("gone within", len(s.Gone(time.Second, WorkerAccount)), 1)
		s.must(living[0].Signal(syscall.SIGTERM))
		check.Equal("gone after a signal", len(s.Gone(patience.Limit, WorkerAccount)), 0)
		s.Start(Task{Verbs: Verbs(Spawn("sleep"))}).End()
	}})
	th.require(t, o, journal.Held)
	found := false
	for _, e := range th.are(isProcess) {
		found = found || strings.HasPrefix(e.Process.Note, "left over") && strings.HasPrefix(e.Process.Command, "sleep")
	}
	if !found {
		t.Error("no event says that a process was left over")
	}
}

func TestTheWorkerRoleIsPlayedOverHTTP(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
		run := s.Start(Task{As: "alice"})
		end := run.Succeeds()
		check := s.Require("IMP-004")
		check.Equal("uid of the worker", run.Result("uid"), workerUID)
		check.Equal("task log", end.Channel, `{"event":"written by the worker"}`+"\n")
		check.Equal("task", run.TI().Task, "probe_alice")
		check.Equal("heartbeats", len(run.TI().Heartbeats), 1)
		check.Equal("pid at the server", run.TI().PID, run.root.PID)
	}})
	th.require(t, o, journal.Held)
	var requests []string
	for _, e := range th.are(func(e journal.Event) bool { return e.HTTP != nil }) {
		requests = append(requests, fmt.Sprintf("%s %d", e.HTTP.Method, e.HTTP.Status))
	}
	if diff := cmp.Diff([]string{"PATCH 200", "PUT 204", "POST 201", "PATCH 204"}, requests); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(th.transcript(), "workload-") && strings.Contains(th.transcript(), `"token"`) {
		t.Error("the journal shows the token")
	}
}

func TestTheJournalIsRedactedAndBounded(t *testing.T) {
	th := newTheatre(t)
	var secret string
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		secret = s.Secret()
		verbs := Verbs(Log("this is "+secret), Log(strings.Repeat("x", 3*maxText)))
		for i := range maxEvents {
			verbs = append(verbs, PushXCom(fmt.Sprint(i), i))
		}
		run := s.Start(Task{Verbs: verbs})
		run.Succeeds()
		s.Require("IMP-004").Contains("the log as checks see it", run.Log(), secret)
		s.Step("and here it is again: " + secret)
	}})
	th.require(t, o, journal.Held)
	if text := th.transcript(); strings.Contains(text, secret) || strings.Count(text, "***") < 2 {
		t.Errorf("the secret is in the journal, or nothing stands in its place")
	}
	if n := len(th.are(isFrame)); n != maxEvents {
		t.Errorf("%d frames are journalled, %d permitted", n, maxEvents)
	}
	for _, e := range th.are(func(e journal.Event) bool { return e.Log != nil }) {
		if len(e.Log.Text) > maxText+64 {
			t.Errorf("a log event has %d octets of text", len(e.Log.Text))
		}
	}
	if !strings.Contains(th.transcript(), "left out of the journal: ") {
		t.Error("nothing says what was left out")
	}
}

func TestARequirementThatIsNeverCheckedIsOurFault(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) { s.Start(Task{}).End() }})
	th.require(t, o, journal.HarnessError)
	if !strings.Contains(o.Says, "IMP-004") {
		t.Errorf("the requirement is not named: %+v", o)
	}
}

func TestFilesOfAScenarioAreTakenBack(t *testing.T) {
	th := newTheatre(t)
	folder := t.TempDir()
	kept, fresh := filepath.Join(folder, "kept"), filepath.Join(folder, "fresh")
	if err := os.WriteFile(kept, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(kept, 0o640|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		s.File(kept, "alice", 0o600, "during")
		s.File(kept, "bob", 0o644, "during, again")
		s.File(fresh, "root", 0o600, "new")
		s.Dir(folder, "alice", 0o700)
		s.Require("IMP-004").Equal("the file as it was written last", s.Digest(kept).(map[string]any)["size"], len("during, again"))
	}})
	th.require(t, o, journal.Held)
	text, err := os.ReadFile(kept)
	if err != nil || string(text) != "before" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	info, err := os.Stat(kept)
	if err != nil || info.Mode() != 0o640|os.ModeSetuid || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("the new file is still there: %v", err)
	}
	if info, _ := os.Stat(folder); info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Error("the folder belongs to alice still")
	}
}

func TestWhatACaseLeavesIsNamedWithoutItsSecrets(t *testing.T) {
	th := newTheatre(t)
	var secret string
	th.Tidy = func() error { return fmt.Errorf("left: sleep %s", secret) }
	ended := th.Play(t.Context(), Spec{Run: func(s *Stage) { secret = s.Secret() }}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 10_000})
	if diff := cmp.Diff([]string{"left: sleep ***"}, ended.Dirty); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(th.transcript(), secret) {
		t.Error("the journal shows the secret")
	}
}

// A text of which the end is missing could hold what a check says is not there.
func TestOutputThatIsNotKeptCannotBeJudged(t *testing.T) {
	th := newTheatre(t)
	o := th.play(t, role.Runner, Spec{Run: func(s *Stage) {
		run := s.Start(Task{})
		run.stderr.add(make([]byte, maxKept+1))
		run.Succeeds()
	}})
	if o.Outcome != journal.HarnessError || !strings.Contains(o.Says, "octets more on one channel") {
		t.Errorf("%+v", o)
	}
}

func TestATaskLogThatIsNotReadToItsEndCannotBeJudged(t *testing.T) {
	for use, read := range map[string]func(*Run){
		"end":   func(r *Run) { r.End() },
		"later": func(r *Run) { r.TaskLog() },
	} {
		t.Run(use, func(t *testing.T) {
			th := newTheatre(t)
			o := th.play(t, role.Worker, Spec{Run: func(s *Stage) {
				run := s.Start(Task{})
				run.Succeeds()
				s.must(os.Truncate(run.LogPath(), maxKept))
				run.End()
				s.must(os.Truncate(run.LogPath(), maxKept+1))
				if saw := run.saw(); !strings.Contains(saw, "holds more than") {
					t.Errorf("a violation would show: %s", saw)
				}
				read(run)
			}})
			if o.Outcome != journal.HarnessError || !strings.Contains(o.Says, "holds more than the 67108864 octets") {
				t.Errorf("%.500s", fmt.Sprintf("%+v", o))
			}
		})
	}
}

// What ends the test framework, or a signal to it, is no fault of the implementation. Whoever ends a context may name a cause.
func TestACaseThatIsEndedFromOutsideIsNoViolation(t *testing.T) {
	for _, cause := range []error{nil, errors.New("interrupted by the user")} {
		th := newTheatre(t)
		ctx, end := context.WithCancelCause(t.Context())
		ended := th.Play(ctx, Spec{Verifies: []string{"IMP-004"}, Run: func(s *Stage) {
			end(cause)
			s.within(patience.Limit, "a thing that does not come", nil, func() string { return "nothing" })
		}}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 300_000})
		th.require(t, ended.Observation, journal.HarnessError)
	}
}
