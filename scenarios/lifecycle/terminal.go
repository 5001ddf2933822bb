package lifecycle

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/protocol/message"
)

var firstTerminalStateCounts = stage.Spec{
	Slug:     "first-terminal-state-counts",
	Says:     "a runner says success, then success at another time, then failed: what the server is told after the first report is identical to it",
	Verifies: []string{"LIFE-028"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		now := time.Now()
		run := s.Start(stage.Task{As: "alice"},
			supervisor.Ask(&message.SucceedTask{EndDate: message.At(now)}).Noted("success"),
			supervisor.Ask(&message.SucceedTask{EndDate: message.At(now.Add(time.Hour))}).Noted("success at another time"),
			supervisor.Ask(&message.TaskState{State: message.StateFailed}).Noted("failed"),
			supervisor.Do(stage.Exit(0)))
		run.End()
		run.Noted("failed") // control: the runner said all three
		var told []any
		for _, report := range run.TI().Reports {
			told = append(told, report.Body)
		}
		s.Require("LIFE-028").Equal("state of the first report", states(run)[:min(1, len(told))], []string{"success"})
		for _, report := range told {
			s.Require("LIFE-028").Equal("report after the first", report, told[0])
		}
	}),
}
