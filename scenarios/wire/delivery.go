package wire

import (
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
)

var byteByByte = stage.Spec{
	Slug:     "byte-by-byte",
	Says:     "every frame reaches the runner one octet at a time, its log descriptor included, for the worker's own user and for alice",
	Verifies: []string{"WIRE-002"},
	Alone: runner.Script(func(s *runner.Stage) {
		for _, user := range []string{stage.WorkerAccount, "alice"} {
			value, mark := s.Nonce(), s.Nonce()
			s.World.SetVariable("v", value)
			run := s.Start(stage.Task{
				As: user, Verbs: stage.Verbs(stage.GetVariable("v").Save("got"), stage.Log(mark), stage.WaitFor("here")),
			}, runner.Wire{ByteByByte: true})
			s.Require("WIRE-002").RunsAs(run, "here", user)
			s.Require("WIRE-002").Equal("variable that arrived in pieces", run.Result("got"), value)
			run.Release("here")
			e := run.Succeeds()
			s.Require("WIRE-002").Once("log channel that arrived in pieces", e.Channel, mark)
		}
	}),
}
