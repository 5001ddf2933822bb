package wire

import (
	"fmt"
	"math"

	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/protocol/message"
)

var answersUnderTheIDOfTheirRequest = stage.Spec{
	Slug:     "answers-under-the-id-of-their-request",
	Says:     "alice's runner asks for variables under ids that rise, fall, repeat and are the largest: each answer has the id of its request, and its value",
	Verifies: []string{"WIRE-007", "WIRE-008.repeated", "WIRE-008.falling"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		ids, mark := []int64{7, 3, 3, math.MaxInt64, 0, 1 << 40}, s.Nonce()
		asked := func(i int) (name, value string) { return fmt.Sprintf("request-%d", i), fmt.Sprintf("%s-%d", mark, i) }
		var acts []supervisor.Act
		for i, id := range ids {
			name, value := asked(i)
			s.World.SetVariable(name, value)
			acts = append(acts, supervisor.Ask(&message.GetVariable{Key: name}).Under(id).Noted(name))
		}
		run := s.Start(stage.Task{As: "alice"}, acts...)
		run.Succeeds()
		for i, id := range ids {
			name, value := asked(i)
			want := map[string]any{"type": "VariableResult", "body": map[string]any{"key": name, "value": value}}
			clause := "WIRE-007"
			switch {
			case i > 0 && id == ids[i-1]:
				clause = "WIRE-008.repeated"
			case i > 0 && id < ids[i-1]:
				clause = "WIRE-008.falling"
			}
			s.Require(clause).Equal(fmt.Sprintf("answer to the request of alice's runner under id %d, after id %v", id, before(ids, i)), run.Noted(name), want)
		}
	}),
}

func before(ids []int64, i int) any {
	if i == 0 {
		return "none"
	}
	return ids[i-1]
}

var requestInPieces = stage.Spec{
	Slug:     "request-in-pieces",
	Says:     "a request of alice's runner arrives one byte at a time: it is answered like any other",
	Verifies: []string{"WIRE-002"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		value := s.Nonce()
		s.World.SetVariable("v", value)
		run := s.Start(stage.Task{As: "alice"}, supervisor.Ask(&message.GetVariable{Key: "v"}).InPieces().Noted("answer"))
		run.Succeeds()
		s.Require("WIRE-002").Equal("answer to a request that came one byte at a time", run.Noted("answer"),
			map[string]any{"type": "VariableResult", "body": map[string]any{"key": "v", "value": value}})
	}),
}
