package messages

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
)

var requestsAsAnotherUser = stage.Spec{
	Slug:     "requests-as-another-user",
	Says:     "connections, variables and XComs behave for alice as they do for the worker's own user",
	Verifies: []string{"MSG-012", "IMP-014"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		given, written := s.Nonce(), s.Nonce()
		s.World.SetVariable("given", given)
		db := world.Connection{ID: "db", Type: "postgres", Host: "db.example", Schema: "sales", Login: "reader", Password: s.Secret(), Port: 5432}
		s.World.SetConnection(db)
		own := s.Start(stage.Task{Verbs: everyRequest("probe", written)})
		s.Require("MSG-012").RunsAs(own, "put", stage.WorkerAccount)
		s.Require("MSG-012").Equal("variable of the worker's own user, at the server", variable(s, "put"), written)
		own.Release("put")
		own.Succeeds()
		s.Require("MSG-012").Equal("control: results of the worker's own user", results(own, plain), []any{asResult(db), given, written, written, nil})

		alice := s.Start(stage.Task{As: "alice", Verbs: everyRequest("probe_alice", written)})
		s.Require("MSG-012").RunsAs(alice, "put", "alice")
		s.Require("MSG-012").Equal("variable of alice, at the server", variable(s, "put"), written)
		alice.Release("put")
		alice.Succeeds()
		s.Require("MSG-012").Equal("results of alice", results(alice, plain), results(own, plain))
		s.Require("IMP-014").Equal("what alice is told of things that are not there", results(alice, refused), results(own, refused))
		s.Require("MSG-012").Equal("variables at the end", s.World.Variables(), []string{"given"})
		s.Require("MSG-012").Equal("XComs that both have deleted", len(s.Stored("x")), 0)
	},
}

// The keys under which everyRequest saves answers and refusals.
var (
	plain   = []string{"connection", "given", "put", "pulled", "after-delete"}
	refused = []string{"absent-variable", "absent-connection"}
)

// everyRequest asks for everything that a task can ask for, and waits while the
// variable that it has put is at the server.
func everyRequest(task, written string) []stage.Verb {
	return stage.Verbs(
		stage.GetConnection("db").Save("connection"),
		stage.GetVariable("given").Save("given"),
		stage.PutVariable("put", written),
		stage.WaitFor("put"),
		stage.GetVariable("put").Save("put"),
		stage.DeleteVariable("put"),
		stage.PushXCom("x", written),
		stage.PullXCom(task, "x").Save("pulled"),
		stage.DeleteXCom("x"),
		stage.PullXCom(task, "x").Save("after-delete"),
		stage.GetVariable("put").Catch().Save("absent-variable"),
		stage.GetConnection("absent").Catch().Save("absent-connection"),
	)
}

// asResult is the connection as the verb get_connection gives it.
func asResult(c world.Connection) map[string]any {
	return map[string]any{
		"conn_id": c.ID, "conn_type": c.Type, "host": c.Host, "schema": c.Schema,
		"login": c.Login, "password": c.Password, "port": c.Port, "extra": nil,
	}
}

// variable returns a variable as the server holds it; nil if there is none.
func variable(s *stage.Stage, key string) any {
	if value, ok := s.World.Variable(key); ok {
		return value
	}
	return nil
}

// results returns what the run saved under these keys, in their order.
func results(run *stage.Run, keys []string) []any {
	list := make([]any, len(keys))
	for i, key := range keys {
		list[i] = run.Result(key)
	}
	return list
}
