package security

import (
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
)

var tooManyLogChannels = stage.Spec{
	Slug:     "too-many-log-channels",
	Says:     "a runner of alice asks for a log channel 300 times: the last time it is answered by an error, and the task still succeeds",
	Verifies: []string{"SEC-007.limited", "SEC-007.error"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		acts := []supervisor.Act{supervisor.AskLog().Noted("first")}
		for range 298 {
			acts = append(acts, supervisor.AskLog().Noted("more"))
		}
		run := s.Start(stage.Task{As: "alice"}, append(acts, supervisor.AskLog().Noted("last"))...)
		run.Succeeds()
		_, given := run.Noted("first").(string)
		s.Require("SEC-007.limited").True("control: the first log channel", given, "given", "refused")
		last, refused := run.Noted("last").(map[string]any)
		s.Require("SEC-007.limited").True("the three hundredth log channel", refused, "refused", "given")
		s.Require("SEC-007.error").True("answer to the three hundredth request", last["error"] != nil, "an error", "none")
	}),
}
