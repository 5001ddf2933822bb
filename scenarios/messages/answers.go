package messages

import (
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/protocol/message"
)

var absentThings = stage.Spec{
	Slug: "absent-things",
	Says: "a connection, a variable and an item of an XCom that are not there each yield the code of their kind, to a runner of the worker's own user as to one of alice; " +
		"what is there is answered afterwards, the schema of a connection under its own name",
	Verifies: []string{"MSG-003.connection", "MSG-003.variable", "MSG-003.xcom-item", "MSG-003.session", "MSG-009"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		schema, value := s.Nonce(), s.Nonce()
		s.World.SetConnection(world.Connection{ID: "there", Type: "postgres", Schema: schema})
		s.World.SetVariable("there", value)
		for _, user := range []string{"", "alice"} {
			run := s.Start(stage.Task{As: user},
				supervisor.Ask(&message.GetConnection{ConnID: "absent"}).Noted("absent connection"),
				supervisor.Ask(&message.GetVariable{Key: "absent"}).Noted("absent variable"),
				supervisor.Ask(&message.GetXComSequenceItem{Key: "absent", DagID: "probe", RunID: "r", TaskID: "probe"}).Noted("absent item"),
				supervisor.Ask(&message.GetVariable{Key: "there"}).Noted("variable"),
				supervisor.Ask(&message.GetConnection{ConnID: "there"}).Noted("connection"))
			run.Succeeds()
			for _, kind := range []struct {
				clause, note string
				code         message.ErrorCode
			}{
				{"MSG-003.connection", "absent connection", message.ConnectionNotFound},
				{"MSG-003.variable", "absent variable", message.VariableNotFound},
				{"MSG-003.xcom-item", "absent item", message.XComNotFound},
			} {
				s.Require(kind.clause).Equal("code of the answer about an "+kind.note+", to "+run.Label(), code(run.Noted(kind.note)), string(kind.code))
			}
			s.Require("MSG-003.session").Equal("value of a variable that is there, asked for after these", body(run.Noted("variable"))["value"], value)
			s.Require("MSG-009").Equal("schema of the connection", body(run.Noted("connection"))["schema"], schema)
		}
	}),
}

var refusedByTheServer = stage.Spec{
	Slug:     "refused-by-the-server",
	Says:     "the server answers 409: the runner gets API_SERVER_ERROR with status, message and what the server says, and goes on",
	Verifies: []string{"MSG-007.code", "MSG-007.status", "MSG-007.message", "MSG-007.detail"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		why := s.Nonce()
		s.World.Inject(world.Fault{Method: "PUT", Path: "variables/taken", Status: 409, Detail: map[string]any{"reason": why}})
		run := s.Start(stage.Task{As: "alice"}, supervisor.Ask(&message.PutVariable{Key: "taken"}).Noted("answer"))
		run.Succeeds()
		answer := run.Noted("answer")
		s.Require("MSG-007.code").Equal("code of the answer", code(answer), string(message.APIServerError))
		detail := detailOf(answer)
		s.Require("MSG-007.status").Equal("status_code in the detail of the answer", detail["status_code"], 409)
		text, _ := detail["message"].(string)
		s.Require("MSG-007.message").True("message in the detail of the answer", text != "", "some text", "none")
		given, _ := detail["detail"].(map[string]any)
		inner, _ := given["detail"].(map[string]any)
		s.Require("MSG-007.detail").True("what the server gave as reason, in the detail of the answer",
			given["reason"] == why || inner["reason"] == why, "the reason of the server", "another, or none")
	}),
}

var renderedFieldsOfOneThatIsGone = stage.Spec{
	Slug:     "rendered-fields-of-one-that-is-gone",
	Says:     "the server answers rendered fields by 410: the runner is told that they were taken, and the task succeeds",
	Verifies: []string{"MSG-008"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		s.World.Inject(world.Fault{Method: "PUT", Path: "task-instances/*/rtif", Status: 410, Detail: map[string]any{"reason": "not_found"}})
		fields, err := message.RawOf(map[string]any{"bash_command": "true"})
		s.Must(err)
		run := s.Start(stage.Task{As: "alice"}, supervisor.Ask(&message.SetRenderedFields{RenderedFields: fields}).Noted("answer"))
		run.Succeeds()
		s.Require("MSG-008").Equal("code of the answer to SetRenderedFields", code(run.Noted("answer")), nil)
	}),
}

// body is the body of an answer that a puppet noted.
func body(noted any) map[string]any {
	answer, _ := noted.(map[string]any)
	fields, _ := answer["body"].(map[string]any)
	return fields
}

// detailOf is the detail of an answer that is an error.
func detailOf(noted any) map[string]any {
	answer, _ := noted.(map[string]any)
	if detail, is := answer["detail"].(map[string]any); is {
		return detail
	}
	detail, _ := body(noted)["detail"].(map[string]any)
	return detail
}

// code is the code of an answer that is an error, nil of another.
func code(noted any) any {
	if answer, _ := noted.(map[string]any); answer["error"] != nil {
		return answer["error"]
	}
	return body(noted)["error"]
}
