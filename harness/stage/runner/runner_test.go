package runner_test

import (
	"strings"
	"testing"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/theatre"
	"github.com/understudy-conformance/understudy/protocol/release"
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

func TestTheLogChannelIsHandedOverWhereTheReleaseDoesThat(t *testing.T) {
	start := map[string]func(*runner.Stage, stage.Task) *stage.Run{
		"child of the stage":    func(s *runner.Stage, task stage.Task) *stage.Run { return s.Start(task, runner.Wire{}).Run },
		"child of the stand-in": func(s *runner.Stage, task stage.Task) *stage.Run { return s.StartChild(task).Run },
	}
	for name, start := range start {
		for _, c := range []struct {
			version, takes string
			frames         string
		}{
			{"3.3.2", "", "><><>"}, // asks for the channel
			{"3.4.0b2", "", "><><>"},
			{"3.4.0b2", "3", "><>"},
		} {
			t.Run(strings.Join([]string{name, c.version, c.takes}, " "), func(t *testing.T) {
				th := theatre.New(t)
				th.Release = release.MustParse(c.version)
				th.Plan.Manifest.Roles[role.Runner].Env["FAKE_LOG"] = c.takes
				o := th.Perform(t, role.Runner, stage.Spec{Alone: runner.Script(func(s *runner.Stage) {
					end := start(s, stage.Task{Verbs: stage.Verbs(stage.Log("a line"))}).Succeeds()
					s.Require("IMP-004").Equal("records", end.Channel, `{"event":"a line","level":"info"}`+"\n")
				})})
				th.Require(t, o, journal.Held)
				var dirs []string
				for _, e := range th.Are(func(e journal.Event) bool { return e.Frame != nil }) {
					dirs = append(dirs, e.Frame.Dir)
				}
				if got := strings.Join(dirs, ""); got != c.frames {
					t.Errorf("frames went %s, want %s", got, c.frames)
				}
			})
		}
	}
}
