package config

import "strings"

// sensitive are the options that Airflow lets a command or a secrets backend
// supply, because their value is a secret.
var sensitive = map[string]bool{
	"api.secret_key":                       true,
	"api_auth.jwt_secret":                  true,
	"atlas.password":                       true,
	"celery.broker_url":                    true,
	"celery.flower_basic_auth":             true,
	"celery.result_backend":                true,
	"core.fernet_key":                      true,
	"core.internal_api_secret_key":         true,
	"database.sql_alchemy_conn":            true,
	"database.sql_alchemy_conn_async":      true,
	"database.sql_alchemy_engine_args":     true,
	"secrets.backend_kwargs":               true,
	"sentry.sentry_dsn":                    true,
	"smtp.smtp_password":                   true,
	"smtp.smtp_user":                       true,
	"webserver.secret_key":                 true,
	"workers.secrets_backend_kwargs":       true,
	"kubernetes_executor.kube_client_args": true,
}

// secretEndings mark options of providers that Airflow's own list cannot name.
var secretEndings = []string{"password", "passwd", "_secret", "secret_key", "fernet_key", "_token", "private_key", "api_key", "_dsn"}

// Sensitive reports whether an option holds a secret of the worker. Such an
// option never leaves the process that loaded it (see All).
func Sensitive(section, key string) bool {
	if sensitive[section+"."+key] {
		return true
	}
	for _, ending := range secretEndings {
		if strings.HasSuffix(key, ending) {
			return true
		}
	}
	return false
}

// suppliedFor returns the option that a name like fernet_key_cmd supplies.
func suppliedFor(section, key string) (option string, ok bool) {
	for _, ending := range []string{"_cmd", "_secret"} {
		if base, found := strings.CutSuffix(key, ending); found && Sensitive(section, base) {
			return base, true
		}
	}
	return "", false
}
