package lifecycle

import (
	"fmt"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var _ = stage.Scenario(stage.Spec{
	Slug:     "silent-exit-is-no-success",
	Says:     "a task exits with code 0 and without a terminal message: the server is told a state, and not success",
	Verifies: []string{"LIFE-012"},
	Roles:    worker,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.PushXCom("began", true), stage.Exit(0))})
			run.End()
			s.Require("LIFE-012").True("control: the task began", run.Pushed("began"), "an XCom", "none")
			s.Require("LIFE-012").Equal("states reported of a task that exits silently", run.States(), []string{"failed"})
		}
	},
})

var _ = stage.Scenario(stage.Spec{
	Slug:     "abnormal-end-is-reported",
	Says:     "a task of alice exits with code 7 or is killed without a terminal message: the server is told failed, or up_for_retry where it may be tried again",
	Verifies: []string{"LIFE-013", "LIFE-023"},
	Roles:    worker,
	Run: func(s *stage.Stage) {
		for _, c := range []struct {
			end   stage.Verb
			word  string
			retry bool
			state string
		}{
			{stage.Exit(7), "7", false, "failed"},
			{stage.SignalSelf("SIGKILL"), "KILL", false, "failed"},
			{stage.Exit(7), "7", true, "up_for_retry"},
			{stage.SignalSelf("SIGKILL"), "KILL", true, "up_for_retry"},
		} {
			run := s.Start(stage.Task{As: "alice", ShouldRetry: c.retry, Verbs: stage.Verbs(stage.PushXCom("began", true), c.end)})
			e := run.End()
			s.Require("LIFE-013").True("control: the task began", run.Pushed("began"), "an XCom", "none")
			s.Require("LIFE-023").LineWith("task log", e.Channel, `(?i)exit|signal|killed|ended`, stage.Name(c.word)+`|SIG`+c.word)
			s.Require("LIFE-013").Equal(fmt.Sprintf("states reported, should_retry %v", c.retry), run.States(), []string{c.state})
		}
	},
})
