package stage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/commons"
	"github.com/understudy-conformance/understudy/harness/implementation"
	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/proc"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/theatre"
	"github.com/understudy-conformance/understudy/harness/world/shape"
	"github.com/understudy-conformance/understudy/internal/patience"
	"github.com/understudy-conformance/understudy/protocol/release"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func isFrame(e journal.Event) bool   { return e.Frame != nil }
func isProcess(e journal.Event) bool { return e.Process != nil }

func TestAtABarrierTheProcessIsThatOfTheWorkerAccount(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.WaitFor("here"), stage.WaitFor("there"))})
		p := run.At("here")
		check := s.Require("IMP-004")
		check.Equal("process", p.PID, run.Processes()[0].PID)
		check.Equal("uids", p.UIDs, []int{theatre.WorkerUID, theatre.WorkerUID, theatre.WorkerUID, theatre.WorkerUID})
		check.Equal("groups", p.Groups, []int{theatre.WorkerUID, 61101})
		check.Equal("group leader", p.Group, p.PID)
		fds, err := p.FDs()
		s.Must(err)
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
	th.Require(t, o, journal.Held)
	var notes []string
	for _, e := range th.Are(isProcess) {
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
		verbs []stage.Verb
		want  string
	}{
		"exit code":        {stage.Verbs(stage.Exit(3)), "3  []"},
		"signal":           {stage.Verbs(stage.SignalSelf("SIGKILL")), "-1 SIGKILL []"},
		"terminal message": {stage.Verbs(stage.Fail("x")), "1  [failed]"},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
				end := s.Start(stage.Task{Verbs: test.verbs}).Fails()
				states := []string{}
				for _, t := range end.Terminals {
					states = append(states, t.State)
				}
				s.Require("IMP-004").Equal("end", fmt.Sprintf("%d %s %v", end.ExitCode, end.Signal, states), test.want)
			}})
			th.Require(t, o, journal.Held)
		})
	}
}

func TestViolationsSayWhatWasExpectedAndSeen(t *testing.T) {
	for name, test := range map[string]struct {
		run              func(*stage.Stage)
		expected, actual string
	}{
		"success that fails": {
			func(s *stage.Stage) {
				s.Start(stage.Task{Name: "my run", Verbs: stage.Verbs(stage.Exit(3))}).Succeeds()
			},
			"my run succeeds", "ended with exit code 3; terminal messages: none",
		},
		"failure that succeeds": {
			func(s *stage.Stage) { s.Start(stage.Task{}).Fails() },
			"plain fails", "exit code 0; terminal messages: SucceedTask(success)",
		},
		"a barrier that is not reached": {
			func(s *stage.Stage) {
				s.Start(stage.Task{Verbs: stage.Verbs(stage.Exit(0), stage.WaitFor("b"))}).At("b")
			},
			"plain to reach barrier b", "exit code 0",
		},
		"a deadline": {
			func(s *stage.Stage) { // once it has said something
				run := s.Start(stage.Task{Verbs: stage.Verbs(stage.Log("before"), stage.WaitFor("b"))})
				run.At("b")
				run.EndWithin(time.Second)
			},
			"within 500ms: the process of plain to end", "still lives; terminal messages: none\nlast messages:\n#0 ResendLoggingFD{}",
		},
		"a result that is missing": {
			func(s *stage.Stage) { run := s.Start(stage.Task{}); run.End(); run.Result("absent") },
			`plain pushes an XCom "absent"`, "exit code 0",
		},
		"a check": {
			func(s *stage.Stage) { s.Require("IMP-004").Equal("the number", 1, 2) },
			"2", "1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			th.Busy = nil // or the deadline is another
			o := th.Perform(t, role.Runner, stage.Spec{Run: test.run})
			th.Require(t, o, journal.Violated)
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
		spec stage.Spec
		want journal.Observation
	}{
		"capability that the manifest lacks": {
			stage.Spec{Needs: []string{"declared", "other"}, Run: func(*stage.Stage) { panic("must not run") }},
			journal.Observation{Outcome: journal.NotApplicable, Capability: "other", Says: "too new"},
		},
		"environment": {
			stage.Spec{Run: func(s *stage.Stage) { s.CouldNotRun("no network") }},
			journal.Observation{Outcome: journal.CouldNotRun, Says: "no network"},
		},
		"panic": {
			stage.Spec{Run: func(*stage.Stage) { panic("oh") }},
			journal.Observation{Outcome: journal.HarnessError, Says: "panic: oh"},
		},
		"success of a task that is never let go": {
			stage.Spec{Run: func(s *stage.Stage) {
				run := s.Start(stage.Task{Verbs: stage.Verbs(stage.WaitFor("a"), stage.WaitFor("b"))})
				run.Release("a")
				run.Succeeds()
			}},
			journal.Observation{Outcome: journal.HarnessError, Says: `plain cannot succeed: it waits at barrier b, and the scenario has no Release("b") before Succeeds`},
		},
		"requirement that is not declared": {
			stage.Spec{Run: func(s *stage.Stage) { s.Require("IMP-999") }},
			journal.Observation{Outcome: journal.HarnessError, Says: "the scenario checks IMP-999 but does not list it in Verifies"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := theatre.New(t).Perform(t, role.Runner, test.spec)
			o.Where, o.Actual = "", ""
			if diff := cmp.Diff(test.want, o); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACaseOfOtherReleasesIsNotApplicable(t *testing.T) {
	span, err := release.ParseRange(">=3.0.3,<3.4")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{
		"":        "",
		"3.3.2":   "",
		"3.4.0b2": "LIFE-009 holds for Airflow >=3.0.3,<3.4 only, and this is 3.4.0b2",
	} {
		th := theatre.New(t)
		if version != "" {
			th.Release = release.MustParse(version)
		}
		played := false
		ended := th.Play(t.Context(), stage.Spec{Verifies: []string{"LIFE-009"}, Run: func(s *stage.Stage) {
			played = true
			s.Require("LIFE-009").Empty("nothing")
		}}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 60_000, Airflow: span, Verifies: []string{"LIFE-009"}})
		if o := ended.Observation; o.Says != want || played != (want == "") || want != "" && o.Outcome != journal.NotApplicable {
			t.Errorf("as %q: played %v, %+v", version, played, o)
		}
	}
}

func TestWhatDoesNotFitTheReleaseIsJudged(t *testing.T) {
	holds := func(s *stage.Stage) { s.Require("IMP-004").Empty("nothing") }
	sends := func(kind, key string) func(*stage.Stage) {
		return func(s *stage.Stage) {
			s.World.Takes("ti", kind, []string{key})
			holds(s)
		}
	}
	speaks := func(version string) func(*stage.Stage) {
		return func(s *stage.Stage) {
			as, err := shape.OfAPI(version)
			if err != nil {
				t.Error(err)
			}
			s.World.Speaks(as)
			holds(s)
		}
	}
	const newest = "which is newer than the newest release that this suite knows, 3.4 (API version 2026-10-30)"
	for name, c := range map[string]struct {
		as   string
		run  func(*stage.Stage)
		want journal.Observation
	}{
		"a field of 3.3": {"3.3.2", sends("SucceedTask", "end_date"), journal.Observation{Outcome: journal.Held}},
		"a field that 3.3 does not know": {"3.3.2", sends("SucceedTask", "end_dat"), journal.Observation{
			Outcome: journal.Violated, Requirement: "IMP-004", Clause: "IMP-004", Says: "the implementation sent what its release does not take", Expected: "only what Airflow 3.3 takes",
			Actual: `SucceedTask: field "end_dat" is unknown in Airflow 3.3.2 (release 3.3, API version 2026-06-30)`,
		}},
		"a field of next year": {"3.9.0", sends("SucceedTask", "end_dat"), journal.Observation{
			Outcome: journal.CouldNotRun, Says: `the implementation is newer than this suite: SucceedTask: field "end_dat" is unknown in Airflow 3.9.0, ` + newest,
		}},
		"another violation": {"3.3.2", func(s *stage.Stage) {
			s.World.Takes("ti", "SucceedTask", []string{"end_dat"})
			s.Require("IMP-004").Equal("number", 1, 2)
		}, journal.Observation{
			Outcome: journal.Violated, Requirement: "IMP-004", Clause: "IMP-004", Says: "number is not what it should be", Expected: "2",
			Actual: "1\n" + `SucceedTask: field "end_dat" is unknown in Airflow 3.3.2 (release 3.3, API version 2026-06-30)`,
		}},
		"another violation under next year's": {"3.9.0", func(s *stage.Stage) {
			s.World.Takes("ti", "Nonsense", nil)
			s.Require("IMP-004").Equal("number", 1, 2)
		}, journal.Observation{
			Outcome: journal.CouldNotRun, Says: "the implementation is newer than this suite: Nonsense: it is none of the objects that are taken in Airflow 3.9.0, " + newest,
		}},
		"what could not run": {"3.9.0", func(s *stage.Stage) {
			s.World.Takes("ti", "Nonsense", nil)
			s.CouldNotRun("no network")
		}, journal.Observation{Outcome: journal.CouldNotRun, Says: "no network"}},
		"the API of its release": {"3.4.0b2", speaks("2026-10-30"), journal.Observation{Outcome: journal.Held}},
		"the API of another release": {"3.3.2", speaks("2026-10-30"), journal.Observation{
			Outcome: journal.CouldNotRun, Misled: true,
			Says: "the implementation is of another release than the manifest says: it speaks to the Execution API as API version 2026-10-30 (release 3.4, API version 2026-10-30), " +
				"and is said to be Airflow 3.3.2 (release 3.3, API version 2026-06-30): correct the key airflow",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			th.Release = release.MustParse(c.as)
			got := th.Perform(t, role.Runner, stage.Spec{Run: c.run})
			got.Where = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnImplementationThatIsNotThereIsAHarnessError(t *testing.T) {
	for program, want := range map[string]string{
		"/nowhere": "start /nowhere: fork/exec /nowhere: no such file or directory",
		"nowhere":  "find nowhere in /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin: executable file not found in $PATH",
	} {
		th := theatre.New(t)
		th.Plan.Manifest.Roles[role.Runner] = implementation.Launch{Argv: []string{program}}
		o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) { s.Start(stage.Task{}) }})
		if o.Outcome != journal.HarnessError || o.Says != want {
			t.Errorf("%s: %+v", program, o)
		}
	}
}

func TestEveryWordThatAManifestMayUseIsReplaced(t *testing.T) {
	for as := range theatre.New(t).Doors {
		th := theatre.New(t)
		how := th.Plan.Manifest.Roles[as]
		_, words := how.Words(as)
		how.Env = map[string]string{"FAKE_WORDS": "{" + strings.Join(words, "} {") + "}"}
		th.Plan.Manifest.Roles[as] = how
		th.Require(t, th.Perform(t, as, stage.Spec{Run: func(s *stage.Stage) {
			run := s.Start(stage.Task{})
			run.Succeeds()
			words := fmt.Sprint(run.Result("words"))
			s.Require("IMP-004").True("words", !strings.ContainsAny(words, "{}") && strings.Contains(words, th.Plan.Bin), "all replaced", words)
		}}), journal.Held)
	}
}

func TestARoleWithoutADoorCannotBePlayed(t *testing.T) {
	th := theatre.New(t)
	delete(th.Doors, role.Supervisor)
	o := th.Perform(t, role.Supervisor, stage.Spec{Run: func(*stage.Stage) { t.Error("it was played") }})
	if o.Outcome != journal.HarnessError || o.Says != "the stage cannot play role supervisor" {
		t.Errorf("%+v", o)
	}
}

func TestSurvivorsAreSeenJournalledAndKilled(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.Spawn("sleep"), stage.WaitFor("here"))})
		run.At("here")
		run.Release("here")
		end := run.End()
		check := s.Require("IMP-004")
		check.Equal("nothing of the run holds a channel", end.Open, false)
		living := s.Alive(stage.WorkerAccount)
		check.Equal("survivors", len(living), 1)
		seen := slices.ContainsFunc(run.Processes(), func(p proc.Process) bool { return p.PID == living[0].PID })
		check.Equal("the survivor is one of the processes of the run", seen, true)
		check.Equal("gone within", len(s.Gone(time.Second, stage.WorkerAccount)), 1)
		s.Must(living[0].Signal(syscall.SIGTERM))
		check.Equal("gone after a signal", len(s.Gone(patience.Limit, stage.WorkerAccount)), 0)
		s.Start(stage.Task{Verbs: stage.Verbs(stage.Spawn("sleep"))}).End()
	}})
	th.Require(t, o, journal.Held)
	found := false
	for _, e := range th.Are(isProcess) {
		found = found || strings.HasPrefix(e.Process.Note, "left over") && strings.HasPrefix(e.Process.Command, "sleep")
	}
	if !found {
		t.Error("no event says that a process was left over")
	}
}

func TestTheJournalIsRedactedAndBounded(t *testing.T) {
	th := theatre.New(t)
	var secret string
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
		secret = s.Secret()
		verbs := stage.Verbs(stage.Log("this is "+secret), stage.Log(strings.Repeat("x", 3*stage.MaxText)))
		for i := range stage.MaxEvents {
			verbs = append(verbs, stage.PushXCom(fmt.Sprint(i), i))
		}
		run := s.Start(stage.Task{Verbs: verbs})
		run.Succeeds()
		s.Require("IMP-004").Contains("the log as checks see it", run.TaskLog(), secret)
		s.Step("and here it is again: " + secret)
	}})
	th.Require(t, o, journal.Held)
	if text := th.Transcript(); strings.Contains(text, secret) || strings.Count(text, "***") < 2 {
		t.Errorf("the secret is in the journal, or nothing stands in its place")
	}
	if n := len(th.Are(isFrame)); n != stage.MaxEvents {
		t.Errorf("%d frames are journalled, %d permitted", n, stage.MaxEvents)
	}
	for _, e := range th.Are(func(e journal.Event) bool { return e.Log != nil }) {
		if len(e.Log.Text) > stage.MaxText+64 {
			t.Errorf("a log event has %d octets of text", len(e.Log.Text))
		}
	}
	if !strings.Contains(th.Transcript(), "left out of the journal: ") {
		t.Error("nothing says what was left out")
	}
}

func TestARequirementThatIsNeverCheckedIsOurFault(t *testing.T) {
	for name, run := range map[string]func(*stage.Stage){
		"waited for": func(s *stage.Stage) { s.Start(stage.Task{}).End() },
		"asked for":  func(s *stage.Stage) { s.Require("IMP-004") },
		"a control":  func(s *stage.Stage) { s.Require("IMP-004").Equal("control: one", 1, 1) },
	} {
		th := theatre.New(t)
		o := th.Perform(t, role.Runner, stage.Spec{Run: run})
		th.Require(t, o, journal.HarnessError)
		if !strings.Contains(o.Says, "lists IMP-004 in Verifies and checked nothing of it") {
			t.Errorf("%s: the requirement is not named: %+v", name, o)
		}
	}
}

// What the stage requires by itself is a check of the first requirement, and one that it
// only waits for shows nothing of it.
func TestWhatTheStageRequiresIsAnEventAsWell(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Runner, stage.Spec{Verifies: []string{"IMP-004", "IMP-001"}, Run: func(s *stage.Stage) {
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.WaitFor("here"))})
		run.At("here")
		run.Release("here")
		run.Succeeds()
		bad := s.Start(stage.Task{Name: "bad", Verbs: stage.Verbs(stage.Exit(3))})
		bad.Fails()
		s.Require("IMP-004").Failure(bad)
		s.Require("IMP-004").Success(run)
		s.Require("IMP-001").True("it", true, "x", "")
		s.Start(stage.Task{Name: "late", Verbs: stage.Verbs(stage.Exit(0), stage.WaitFor("b"))}).At("b")
	}})
	th.Require(t, o, journal.Violated)
	var got []string
	for _, e := range th.Are(func(e journal.Event) bool { return e.Check != nil }) {
		c := e.Check
		got = append(got, fmt.Sprintf("%s %s held=%v premise=%v", c.Requirement, c.What, c.Held, c.Premise))
		if c.Clause != c.Requirement || !strings.HasPrefix(c.Where, "harness/stage/session_test.go:") || e.Case != "case" || c.Expected == "" {
			t.Errorf("%+v", c)
		}
	}
	want := []string{
		"IMP-004 waited for plain to reach barrier here held=true premise=true",
		"IMP-004 waited for the process of plain to end held=true premise=true",
		"IMP-004 the task of plain held=true premise=true",
		"IMP-004 waited for the process of bad to end held=true premise=true",
		"IMP-004 the task of bad held=true premise=true",
		"IMP-004 waited for the process of bad to end held=true premise=true",
		"IMP-004 the task of bad held=true premise=false",
		"IMP-004 waited for the process of plain to end held=true premise=true",
		"IMP-004 the task of plain held=true premise=false",
		"IMP-001 it held=true premise=false",
		"IMP-004 the task ended before it came to the barrier held=false premise=true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
}

func TestFilesOfAScenarioAreTakenBack(t *testing.T) {
	th := theatre.New(t)
	folder := t.TempDir()
	kept, fresh := filepath.Join(folder, "kept"), filepath.Join(folder, "fresh")
	if err := os.WriteFile(kept, []byte("before"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(kept, 0o640|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
		s.File(kept, "alice", 0o600, "during")
		s.File(kept, "bob", 0o644, "during, again")
		s.File(fresh, "root", 0o600, "new")
		s.Dir(folder, "alice", 0o700)
		s.Require("IMP-004").Equal("the file as it was written last", s.Text(kept), "during, again")
	}})
	th.Require(t, o, journal.Held)
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
	th := theatre.New(t)
	var secret string
	th.Tidy = func() error { return fmt.Errorf("left: sleep %s", secret) }
	ended := th.Play(t.Context(), stage.Spec{Run: func(s *stage.Stage) { secret = s.Secret() }}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 10_000})
	if diff := cmp.Diff([]string{"left: sleep ***"}, ended.Dirty); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(th.Transcript(), secret) {
		t.Error("the journal shows the secret")
	}
}

// What ends the test framework, or a signal to it, is no fault of the implementation. Whoever ends a context may name a cause.
func TestACaseThatIsEndedFromOutsideIsNoViolation(t *testing.T) {
	for _, cause := range []error{nil, errors.New("interrupted by the user")} {
		th := theatre.New(t)
		ctx, end := context.WithCancelCause(t.Context())
		ended := th.Play(ctx, stage.Spec{Verifies: []string{"IMP-004"}, Run: func(s *stage.Stage) {
			end(cause)
			s.Within()
		}}, plan.Case{ID: "case", Role: role.Runner, BudgetMS: 300_000})
		th.Require(t, ended.Observation, journal.HarnessError)
	}
}

func TestABudgetThatGrewIsInTheJournal(t *testing.T) {
	for factor, want := range map[int]int64{1: 0, 3: 300_000} { // slowness 0.5
		th := theatre.New(t)
		th.Busy = func() int { return factor }
		th.Require(t, th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) { s.Require("IMP-004").True("it", true, "x", "y") }}), journal.Held)
		var more int64
		for _, e := range th.Are(func(e journal.Event) bool { return e.Step != nil }) {
			if e.Step.MoreMS != 0 && e.Case == "case" && e.Step.Text == "the case has a budget of 7m30s (a busy machine: 3 times 2m30s)" {
				more = e.Step.MoreMS
			}
		}
		if more != want {
			t.Errorf("factor %d: %d ms more, want %d", factor, more, want)
		}
	}
}

func TestCaseThatChangesPolicyForLaterOnesEndsItsSandbox(t *testing.T) {
	th := theatre.New(t)
	root := t.TempDir()
	sudoers, id := filepath.Join(root, "etc/sudoers"), filepath.Join(root, "usr/bin/id")
	for _, file := range []string{sudoers, id} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("before"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if th.Commons, err = commons.Note(root); err != nil {
		t.Fatal(err)
	}
	played := func(alters bool, run func(s *stage.Stage)) stage.Ended {
		spec := stage.Spec{Slug: "x", Says: "x", Verifies: []string{"IMP-004"}, Alters: alters, Run: func(s *stage.Stage) { run(s); s.Require("IMP-004").True("held", true, "", "") }}
		return th.Play(context.Background(), spec, plan.Case{ID: "IMP-004/runner/x", Role: role.Runner, BudgetMS: 300_000})
	}
	if ended := played(false, func(s *stage.Stage) { s.File(sudoers, "root", 0o440, "for the time of the case") }); len(ended.Dirty) > 0 {
		t.Errorf("what the stage puts back: %q", ended.Dirty)
	}
	ended := played(false, func(*stage.Stage) { os.Chmod(sudoers, 0o666); os.Remove(id) })
	want := "the implementation under test changed what all cases share: "
	if len(ended.Dirty) != 1 || !strings.HasPrefix(ended.Dirty[0], want) || !strings.Contains(ended.Dirty[0], "etc/sudoers has mode 100666") || !strings.Contains(ended.Dirty[0], "usr/bin/id is gone") {
		t.Errorf("dirty: %q", ended.Dirty)
	}
	if ended.Observation.Outcome != journal.Held || !strings.Contains(th.Transcript(), want) {
		t.Errorf("%+v, and the journal:\n%s", ended.Observation, th.Transcript())
	}
	if ended := played(true, func(*stage.Stage) {}); len(ended.Dirty) != 1 || strings.Contains(ended.Dirty[0], want) {
		t.Errorf("a scenario that may: %q", ended.Dirty)
	}
}

func TestAFaultOfTheProbeIsNoViolation(t *testing.T) {
	for name, then := range map[string]func(*stage.Stage, *stage.Run){
		"that a check notices": func(s *stage.Stage, run *stage.Run) { run.Result("never saved") },
		"that none notices":    func(s *stage.Stage, run *stage.Run) { s.Require("IMP-004").Empty("nothing") },
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			o := th.Perform(t, role.Runner, stage.Spec{Run: func(s *stage.Stage) {
				run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.PushXCom(stage.ProbeFault, "setting: ModuleNotFoundError: no such module"))})
				run.End()
				then(s, run)
			}})
			if want := "the probe failed for a reason of its own, in the task of alice: setting: ModuleNotFoundError: no such module"; o.Outcome != journal.CouldNotRun || o.Says != want {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestTheGraceIsTheReleasesUnlessTheManifestSetsIt(t *testing.T) {
	for _, c := range []struct {
		version, set  string
		grace, budget time.Duration
	}{
		{"3.3.2", "", 5 * time.Second, 30 * time.Second}, // half of a minute, by the slowness
		{"3.3.2", "60", 5 * time.Second, 30 * time.Second},
		{"3.4.0b2", "", 60 * time.Second, 140 * time.Second},
		{"3.4.0b2", "7", 7 * time.Second, 34 * time.Second},
		{"3.4.0b2", "1", 1 * time.Second, 30 * time.Second},
	} {
		th := theatre.New(t)
		th.Release = release.MustParse(c.version)
		th.Plan.Manifest.Roles[role.Worker].Env["AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME"] = c.set
		if got := th.Budget(plan.Case{Role: role.Worker, BudgetMS: 60_000}); got != c.budget {
			t.Errorf("%s, set to %q: a budget of %v, want %v", c.version, c.set, got, c.budget)
		}
		th.Require(t, th.Perform(t, role.Worker, stage.Spec{Run: func(s *stage.Stage) {
			s.Require("IMP-004").Equal("grace", s.Grace().String(), c.grace.String())
		}}), journal.Held)
	}
}
