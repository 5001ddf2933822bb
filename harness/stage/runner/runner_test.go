package runner_test

import (
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

func TestMain(m *testing.M) { theatre.Main(m) }

func TestARunnerSucceeds(t *testing.T) {
	for name, wire := range map[string]runner.Wire{
		"whole frames": {}, "byte by byte": {ByteByByte: true}, "one element": {Elements: 1}, "five elements": {Elements: 5},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			o := th.Perform(t, role.Runner, stage.Spec{Alone: runner.Script(func(s *runner.Stage) {
				run := s.Start(stage.Task{Verbs: stage.Verbs(stage.PushXCom("k", []int{1, 2}), stage.Log("a line"))}, wire)
				end := run.Succeeds()
				check := s.Require("IMP-004")
				check.Equal("what was pushed", run.Result("k"), []int{1, 2})
				check.Equal("records", end.Channel, `{"event":"a line","level":"info"}`+"\n")
				check.Equal("stdout", end.Stdout, "fake runner: started\n")
				check.Equal("terminal messages", len(end.Terminals), 1)
				check.Equal("open channels", end.Open, false)
			})})
			th.Require(t, o, journal.Held)
			var dirs []string
			for _, e := range th.Are(func(e journal.Event) bool { return e.Frame != nil }) {
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

func TestAClosedChannelAndADeadParentReachTheRunner(t *testing.T) {
	waits := stage.Task{Verbs: stage.Verbs(stage.WaitFor("here"), stage.Sleep(1))}
	for name, script := range map[string]runner.Script{
		"channel closed": func(s *runner.Stage) {
			run := s.Start(waits, runner.Wire{})
			run.At("here")
			run.Release("here")
			run.CloseChannel()
			end := run.End()
			s.Require("IMP-004").Equal("exit code", end.ExitCode, 7)
		},
		"parent killed": func(s *runner.Stage) {
			run := s.StartChild(waits)
			run.At("here")
			run.Release("here")
			run.KillParent()
			run.End()
			s.Require("IMP-004").Equal("it ended", run.Ended(), true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			th := theatre.New(t)
			th.Require(t, th.Perform(t, role.Runner, stage.Spec{Alone: script}), journal.Held)
		})
	}
}

func TestARunnerOfAStandInParentEndsLikeAnyOther(t *testing.T) {
	th := theatre.New(t)
	o := th.Perform(t, role.Runner, stage.Spec{Alone: runner.Script(func(s *runner.Stage) {
		s.StartChild(stage.Task{}).Succeeds()
		end := s.StartChild(stage.Task{Verbs: stage.Verbs(stage.SignalSelf("SIGKILL"))}).Fails()
		s.Require("IMP-004").Equal("signal", end.Signal, "SIGKILL")
	})})
	th.Require(t, o, journal.Held)
}
