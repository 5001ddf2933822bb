package messages

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
)

var requestsAsAnotherUser = stage.Spec{
	Slug:     "requests-as-another-user",
	Says:     "connections, variables and XComs behave for alice and for bob as they do for the worker's own user",
	Verifies: []string{"MSG-012.connection", "MSG-012.read-variable", "MSG-012.write-variable", "MSG-012.delete-variable", "MSG-012.push", "MSG-012.pull", "MSG-012.delete-xcom", "MSG-012.absent", "IMP-014"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		given := s.Nonce()
		s.World.SetVariable("given", given)
		db := world.Connection{
			ID: "db", Type: "postgres", Host: "db.example", Schema: "sales", Login: "reader", Password: s.Secret(), Port: 5432,
			Extra: `{"sslmode": "require", "größe": 3, "nested": {"timeout": null}}`,
		}
		s.World.SetConnection(db)
		s.World.SetConnection(world.Connection{ID: "bare", Type: "http"})
		var own *stage.Run
		for _, user := range []string{stage.WorkerAccount, "alice", "bob"} {
			written := s.Nonce()
			task, name := stage.Task{As: user}, "probe_"+user
			if user == stage.WorkerAccount {
				task.As, name = "", "probe"
			}
			task.Verbs = everyRequest(name, written)
			run := s.Start(task)
			s.Require("MSG-012.push").RunsAs(run, "put", user)
			s.Require("MSG-012.write-variable").Equal("variable of "+user+", at the server", variable(s, "put"), written)
			s.Require("MSG-012.push").Equal("XCom of "+user+", at the server", s.Stored("x")[run.XCom("x")], written)
			run.Release("put")
			run.Succeeds()
			s.Require("MSG-012.connection").Equal("connections as "+user+" reads them", results(run, []string{"connection", "bare"}),
				[]any{asResult(db), asResult(world.Connection{ID: "bare", Type: "http"})})
			s.Require("MSG-012.read-variable").Equal("variables as "+user+" reads them", results(run, []string{"given", "put"}), []any{given, written})
			s.Require("MSG-012.pull").Equal("XCom as "+user+" pulls it", run.Result("pulled"), written)
			s.Require("MSG-012.delete-variable").Equal("variables after that of "+user+" was deleted", s.World.Variables(), []string{"given"})
			s.Require("MSG-012.delete-xcom").Equal("XComs of that name after that of "+user+" was deleted, and what is pulled then", []any{len(s.Stored("x")), run.Result("after-delete")}, []any{0, nil})
			for _, absent := range refused {
				s.Require("MSG-012.absent").Equal("is "+absent+" an error for "+user, isError(run.Result(absent)), true)
			}
			if own == nil {
				own = run
			}
			s.Require("IMP-014").Equal("what "+user+" is told of things that are not there", results(run, refused), results(own, refused))
		}
	},
}

// refused are the keys under which everyRequest saves refusals.
var refused = []string{"absent-variable", "absent-connection"}

// isError says whether the result is that of a verb that failed.
func isError(result any) bool {
	fields, is := result.(map[string]any)
	name, _ := fields["error"].(string)
	return is && name != ""
}

// everyRequest asks for everything that a task can ask for, and waits while the
// variable and the XCom that it has put are at the server.
func everyRequest(task, written string) []stage.Verb {
	return stage.Verbs(
		stage.GetConnection("db").Save("connection"),
		stage.GetConnection("bare").Save("bare"),
		stage.GetVariable("given").Save("given"),
		stage.PutVariable("put", written),
		stage.PushXCom("x", written),
		stage.WaitFor("put"),
		stage.GetVariable("put").Save("put"),
		stage.DeleteVariable("put"),
		stage.PullXCom(task, "x").Save("pulled"),
		stage.DeleteXCom("x"),
		stage.PullXCom(task, "x").Save("after-delete"),
		stage.GetVariable("put").Catch().Save("absent-variable"),
		stage.GetConnection("absent").Catch().Save("absent-connection"),
	)
}

// asResult is the connection as the verb get_connection gives it.
func asResult(c world.Connection) map[string]any {
	result := map[string]any{"conn_id": c.ID, "conn_type": c.Type, "port": nil}
	for field, text := range map[string]string{"host": c.Host, "schema": c.Schema, "login": c.Login, "password": c.Password, "extra": c.Extra} {
		result[field] = nil
		if text != "" {
			result[field] = text
		}
	}
	if c.Port != 0 {
		result["port"] = c.Port
	}
	return result
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
