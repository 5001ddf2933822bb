package lifecycle

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
)

var silentExitIsNoSuccess = stage.Spec{
	Slug:     "silent-exit-is-no-success",
	Says:     "a task exits with code 0 and without a terminal message: the server is told a state, and not success",
	Verifies: []string{"LIFE-012"},
	Roles:    inWorker,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.PushXCom("began", true), stage.Exit(0))})
			run.End()
			s.Require("LIFE-012").True("control: the task began", run.Pushed("began"), "an XCom", "none")
			s.Require("LIFE-012").Equal("states reported of a task that exits silently", states(run), []string{"failed"})
		}
	},
}

var abnormalEndIsReported = stage.Spec{
	Slug:     "abnormal-end-is-reported",
	Says:     "a task of alice exits with code 7 or is killed without a terminal message: the server is told failed, or up_for_retry where it may be tried again",
	Verifies: []string{"LIFE-013"},
	Roles:    []role.Role{role.Supervisor, role.Worker},
	Run: func(s *stage.Stage) {
		for _, end := range abnormal {
			s.Require("LIFE-013").Equal("states reported, should_retry false", states(endsBy(s, end, false)), []string{"failed"})
			s.Require("LIFE-013").Equal("states reported, should_retry true", states(endsBy(s, end, true)), []string{"up_for_retry"})
		}
	},
}

var reasonOfTheEndInTheLog = stage.Spec{
	Slug:     "reason-of-the-end-in-the-log",
	Says:     "the task log says that a task of alice exited with code 7, and that another was ended by SIGKILL",
	Verifies: []string{"LIFE-023"},
	Roles:    inWorker,
	Run: func(s *stage.Stage) {
		s.Require("LIFE-023").LineWith("task log", endsBy(s, abnormal[0], false).TaskLog(), `(?i)exit|ended`, `\b7\b`)
		s.Require("LIFE-023").LineWith("task log", endsBy(s, abnormal[1], false).TaskLog(), `(?i)exit|signal|killed|ended`, `KILL|-9\b`)
	},
}

// abnormal are the ends without a word.
var abnormal = []stage.Verb{stage.Exit(7), stage.SignalSelf("SIGKILL")}

// endsBy runs a task of alice that pushes an XCom and then ends like that.
func endsBy(s *stage.Stage, end stage.Verb, retry bool) *stage.Run {
	run := s.Start(stage.Task{As: "alice", ShouldRetry: retry, Verbs: stage.Verbs(stage.PushXCom("began", true), end)})
	run.End()
	run.Result("began") // control: without it the task did not begin
	return run
}

// states returns the terminal states that were reported, in their order.
func states(run interface{ TI() world.TaskInstance }) []string {
	list := []string{}
	for _, report := range run.TI().Reports {
		list = append(list, report.State)
	}
	return list
}
