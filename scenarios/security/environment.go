package security

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// workerSecrets are settings of the worker in whose values secrets stand, by clause.
var workerSecrets = []struct{ clause, setting, value string }{
	{"SEC-005.fernet-key", "core.fernet_key", "%sAAAAAAAAAAAAAAAAAAA="},
	{"SEC-005.jwt-secret", "api_auth.jwt_secret", "%s"},
	{"SEC-005.database", "database.sql_alchemy_conn", "sqlite:////tmp/%s.db"},
	{"SEC-005.broker", "celery.broker_url", "redis://:%s@broker.invalid:6379/0"},
	{"SEC-005.broker", "celery.result_backend", "redis://:%s@results.invalid:6379/0"},
	{"SEC-005.remote-log", "logging.remote_log_conn_id", "%s"},
}

var secretsOfTheWorker = stage.Spec{
	Slug: "secrets-of-the-worker",
	Says: "Fernet key, JWT secret, the URLs of database, broker and results, the remote log connection and a variable that nobody knows are in the environment " +
		"of the worker: no process of alice has them in its own",
	Verifies: []string{"SEC-005.fernet-key", "SEC-005.jwt-secret", "SEC-005.database", "SEC-005.broker", "SEC-005.remote-log", "SEC-005.unknown"},
	Roles:    []role.Role{role.Runner, role.Worker},
	Run: func(s *stage.Stage) {
		settings, secrets, unknown := map[string]string{}, map[string]string{}, s.Secret()
		for _, secret := range workerSecrets {
			secrets[secret.setting] = s.Secret()
			settings[secret.setting] = fmt.Sprintf(secret.value, secrets[secret.setting])
		}
		run := s.Start(stage.Task{
			As: "alice", Settings: settings, Env: map[string]string{"NOBODY_KNOWS_ME": unknown},
			Verbs: stage.Verbs(stage.ListEnvironment().Save("names"), stage.Spawn("sleep", "600"), stage.WaitFor("here")),
		})
		s.Require("SEC-005.unknown").RunsAs(run, "here", "alice")
		names, _ := run.Result("names").([]any)
		named := func(name string) bool { return slices.Contains(names, any(name)) }
		s.Require("SEC-005.unknown").Lives("alice", "sleep") // a program that names itself overwrites what /proc shows of it
		environment := environmentsOf(s, run, "alice")
		s.Require("SEC-005.unknown").True("control: HOME among the variables of the task", named("HOME"), "there", "missing")
		s.Require("SEC-005.unknown").Contains("control: variables of the processes of alice", environment, "HOME=")
		for _, secret := range workerSecrets {
			section, key, _ := strings.Cut(strings.ToUpper(secret.setting), ".")
			s.Require(secret.clause).True("variable of "+secret.setting+" among those of the task", !named("AIRFLOW__"+section+"__"+key), "missing", "it is there")
			s.Require(secret.clause).True("value of "+secret.setting+" in the environment of a process of alice", !strings.Contains(environment, secrets[secret.setting]), "nowhere", "it is there")
		}
		s.Require("SEC-005.unknown").True("NOBODY_KNOWS_ME among the variables of the task", !named("NOBODY_KNOWS_ME"), "missing", "it is there")
		s.Require("SEC-005.unknown").True("value of NOBODY_KNOWS_ME in the environment of a process of alice", !strings.Contains(environment, unknown), "nowhere", "it is there")
		run.Release("here")
		run.Succeeds()
	},
}

// environmentsOf is the environment of all living processes of the run that are the user's.
func environmentsOf(s *stage.Stage, run *stage.Run, user string) string {
	var all strings.Builder
	for _, p := range run.Processes() {
		if environ, err := p.Environ(); err == nil && p.UIDs[0] == s.UID(user) {
			all.WriteString(strings.Join(environ, "\n") + "\n")
		}
	}
	return all.String()
}
