package messages

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
)

var supervised = []role.Role{role.Supervisor, role.Worker}

// channels are those on which a task can say something, with the verb that does.
var channels = []struct {
	name string
	say  func(string) stage.Verb
}{{"record", stage.Log}, {"stdout", stage.Print}, {"stderr", stage.PrintError}}

var maskedOnEachChannel = stage.Spec{
	Slug:     "masked-on-each-channel",
	Says:     "what a task of the worker's own user, or of alice, has masked is redacted in its records and in what it prints, and the supervisor says it nowhere",
	Verifies: []string{"MSG-005.records", "MSG-005.stdout", "MSG-005.stderr", "MSG-005.supervisor-log", "SEC-011.given"},
	Roles:    supervised,
	Run: func(s *stage.Stage) {
		clauses := map[string]string{"record": "MSG-005.records", "stdout": "MSG-005.stdout", "stderr": "MSG-005.stderr"}
		for _, user := range []string{"", "alice"} {
			plain, named, inner := s.Secret(), s.Secret(), "grüße-"+s.Secret()
			said := newSayings(s)
			verbs := stage.Verbs(stage.MaskSecret(plain), stage.MaskSecret(named).With("name", "password"), stage.MaskSecret(map[string]any{"password": []any{inner}}))
			run := s.Start(stage.Task{As: user, Verbs: append(verbs, said.verbs(plain, named, inner)...), Secrets: []string{inner}})
			e := run.Succeeds()
			for _, channel := range channels {
				said.redacted(s.Require(clauses[channel.name]), e, channel.name, plain, named, inner)
			}
			s.Require("MSG-005.supervisor-log").Empty("secrets that the supervisor of "+run.Label()+" prints", among(e.Stdout+e.Stderr, plain, named, inner)...)
			s.Require("SEC-011.given").Empty("secrets in the log of "+run.Label(), among(e.Log, plain, named, inner)...)
		}
	},
}

var servedIsMasked = stage.Spec{
	Slug:     "served-is-masked",
	Says:     "what a task of the worker's own user, or of alice, was served is redacted when it says it: a password, secrets of an extra, a variable with a sensitive name",
	Verifies: []string{"MSG-006.password", "MSG-006.extra", "MSG-006.variable", "MSG-006.channels", "SEC-011.served"},
	Roles:    supervised,
	Run: func(s *stage.Stage) {
		for _, user := range []string{"", "alice"} {
			password, extra, nested, variable := s.Secret(), s.Secret(), s.Secret(), s.Secret()
			s.World.SetConnection(world.Connection{ID: "db", Type: "postgres", Login: "reader", Password: password,
				Extra: `{"mode": "x", "api_key": "` + extra + `", "inside": {"private_key": "` + nested + `"}}`})
			s.World.SetVariable("the_secret_of_"+user, variable)
			said := newSayings(s)
			verbs := stage.Verbs(stage.GetConnection("db"), stage.GetVariable("the_secret_of_"+user))
			run := s.Start(stage.Task{As: user, Verbs: append(verbs, said.verbs(password, extra, nested, variable)...)})
			e := run.Succeeds()
			said.redacted(s.Require("MSG-006.password"), e, "record", password)
			said.redacted(s.Require("MSG-006.extra"), e, "record", extra, nested)
			said.redacted(s.Require("MSG-006.variable"), e, "record", variable)
			for _, channel := range []string{"stdout", "stderr"} {
				said.redacted(s.Require("MSG-006.channels"), e, channel, password, extra, nested, variable)
			}
			s.Require("SEC-011.served").Empty("secrets in the log of "+run.Label(), among(e.Log, password, extra, nested, variable)...)
		}
	},
}
