package supervisor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/theatre"
	"github.com/understudy-conformance/understudy/protocol/message"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func perform(t *testing.T, th *theatre.Theatre, script supervisor.Script) journal.Observation {
	t.Helper()
	return th.Perform(t, role.Supervisor, stage.Spec{Alone: script})
}

func TestASupervisorSucceedsWithAPuppet(t *testing.T) {
	th := theatre.New(t)
	o := perform(t, th, func(s *supervisor.Stage) {
		run := s.Start(stage.Task{Verbs: stage.Verbs(stage.PushXCom("k", []int{1, 2}))},
			supervisor.AskLog().Noted("log"), supervisor.Do(stage.Log("a line")), supervisor.Do(stage.WaitFor("here")),
			supervisor.Ask(&message.TaskState{State: message.StateFailed}).Noted("asked"))
		check := s.Require("IMP-004")
		p := run.At("here")
		check.Equal("uids of the puppet", p.UIDs[:3], []int{theatre.WorkerUID, theatre.WorkerUID, theatre.WorkerUID})
		ti := run.TI()
		check.Equal("first frame", run.First(), puppet.First{Type: "StartupDetails", TI: ti.ID, DagID: ti.Dag, RunID: ti.Run, TaskID: ti.Task})
		check.Equal("log channel", run.Noted("log"), puppet.Given)
		run.Release("here")
		run.Succeeds()
		check.Equal("what was pushed", run.Result("k"), []int{1, 2})
		check.Equal("answer", run.Noted("asked"), map[string]any{"type": ""})
		check.Once("log", run.TaskLog(), "a line")
		check.Equal("states told", len(run.StateCalls()), 1)
	})
	th.Require(t, o, journal.Held)
	if notes := strings.Count(th.Transcript(), "the puppet of plain noted"); notes != 3 {
		t.Errorf("%d notes are in the journal, want 3", notes)
	}
}

// The control of a role is a task without verbs, in words that every role has.
func TestAPlainTaskSucceeds(t *testing.T) {
	th := theatre.New(t)
	th.Require(t, th.Perform(t, role.Supervisor, stage.Spec{Run: func(s *stage.Stage) {
		s.Start(stage.Task{}).Succeeds()
		s.Require("IMP-004").Equal("one", 1, 1)
	}}), journal.Held)
}

func TestAScriptOfRoleWorkerIsPlayedInBothRoles(t *testing.T) {
	script := supervisor.WithWorker(func(s *worker.Stage) {
		run := s.Start(stage.Task{})
		run.Succeeds()
		s.Require("IMP-004").Equal("states told", len(run.StateCalls()), 1)
	})
	if diff := cmp.Diff([]role.Role{role.Supervisor, role.Worker}, script.Roles()); diff != "" {
		t.Error(diff)
	}
	for _, r := range script.Roles() {
		th := theatre.New(t)
		th.Require(t, th.Perform(t, r, stage.Spec{Alone: script}), journal.Held)
		if started := strings.Contains(th.Transcript(), puppet.Command); started != (r == role.Supervisor) {
			t.Errorf("role %s, puppet: %v", r, started)
		}
	}
}

func TestWhatAPuppetCannotPlayIsAFaultOfTheScenario(t *testing.T) {
	th := theatre.New(t)
	o := perform(t, th, func(s *supervisor.Stage) { s.Start(stage.Task{Verbs: stage.Verbs(stage.Setting("s", "k"))}) })
	th.Require(t, o, journal.HarnessError)
	if !strings.Contains(o.Says, `a puppet cannot play "setting"`) {
		t.Errorf("%+v", o)
	}
}

func TestNotesOfAPuppetThatAreNotThereAreAViolation(t *testing.T) {
	for name, c := range map[string]struct {
		mischief, want string
		acts           []supervisor.Act
		check          func(*supervisor.Stage, *supervisor.Run)
	}{
		"act never played": {"", "notes: startup, no more; process", []supervisor.Act{supervisor.Do(stage.Exit(0))},
			func(_ *supervisor.Stage, r *supervisor.Run) { r.Noted("never") }},
		"log channel refused": {"log channel", "the answer is empty", []supervisor.Act{supervisor.AskLog().Noted("log")},
			func(s *supervisor.Stage, r *supervisor.Run) {
				s.Require("IMP-004").Equal("log channel", r.Noted("log"), puppet.Given)
			}},
		"written by somebody else": {"notes", "no JSON", nil, func(_ *supervisor.Stage, r *supervisor.Run) { r.First() }},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			o := perform(t, th, func(s *supervisor.Stage) {
				run := s.Start(stage.Task{Env: map[string]string{"FAKE_MISCHIEF": c.mischief}}, c.acts...)
				run.End()
				c.check(s, run)
			})
			th.Require(t, o, journal.Violated)
			if !strings.Contains(o.Actual, c.want) {
				t.Errorf("actual: %s\nwant: %s", o.Actual, c.want)
			}
		})
	}
}

// Whom the puppet becomes is for the manifest to say: where the supervisor switches, a
// puppet of another user would hide that it did not.
func TestAPuppetBecomesAnotherUserWhereRunnersDo(t *testing.T) {
	for by, becomes := range map[string]bool{"runner": true, "supervisor": false, "none": false} {
		th := theatre.New(t)
		launch := th.Plan.Manifest.Roles[role.Supervisor]
		launch.Switch = by
		th.Plan.Manifest.Roles[role.Supervisor] = launch
		o := perform(t, th, func(s *supervisor.Stage) {
			run := s.Start(stage.Task{As: "alice"})
			run.End() // there is no account alice here, which a puppet that looks for it says
			s.Require("IMP-004").Equal("it looked for alice", strings.Contains(run.TaskLog(), "become alice: "), becomes)
		})
		th.Require(t, o, journal.Held)
	}
}
