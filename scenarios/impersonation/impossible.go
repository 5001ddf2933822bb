package impersonation

import (
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// cause matches what a program may say about a user that does not exist.
const cause = `(?i)unknown user|no such user|not found|does not exist|no account|unknown account|no passwd entry`

var unknownUser = stage.Spec{
	Slug:     "unknown-user",
	Says:     "run_as_user, default_impersonation or that of the file is ghost, who does not exist: the task fails, the log says so, and none of its code ran",
	Verifies: []string{"IMP-006.unknown-user"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		ghost := map[string]string{"core.default_impersonation": "ghost"}
		runs(s, "IMP-006.unknown-user", stage.Task{}, stage.WorkerAccount)
		refused(s, "IMP-006.unknown-user", stage.Task{As: "ghost"}, stage.Name("ghost"), cause)
		refused(s, "IMP-006.unknown-user", stage.Task{As: "ghost", Name: "ghost-with-retries", ShouldRetry: true}, stage.Name("ghost"), cause)
		refused(s, "IMP-006.unknown-user", stage.Task{Name: "default", Settings: ghost}, stage.Name("ghost"), cause)
		refused(s, "IMP-006.unknown-user", stage.Task{Name: "default-of-file", File: &stage.ConfigFile{Settings: ghost}}, stage.Name("ghost"), cause)
	},
}

var namesOfNobody = stage.Spec{
	Slug:     "names-of-nobody",
	Says:     "default_impersonation is a uid, another number, nearly the name of alice, or a name of a group: nobody has that name, and no code of the task ran",
	Verifies: []string{"IMP-006.unknown-user"},
	Roles:    both,
	Budget:   2 * time.Minute,
	Run: func(s *stage.Stage) {
		runs(s, "IMP-006.unknown-user", stage.Task{As: "alice"}, "alice")
		for _, c := range []struct{ what, name string }{
			{"uid", "61002"}, {"uid-of-root", "0"}, {"hexadecimal", "0x10"}, {"digit-first", "0day"}, {"group", "dags"}, {"prefix", "alic"},
			{"capitals", "Alice"}, {"dollar", "alice$"}, {"of-32", "alice" + strings.Repeat("x", 27)}, {"of-33", "alice" + strings.Repeat("x", 28)},
		} {
			task := stage.Task{Name: c.what, Settings: map[string]string{"core.default_impersonation": c.name}}
			refused(s, "IMP-006.unknown-user", task, stage.Name(c.name), cause)
		}
	},
}

var sudoMissing = stage.Spec{
	Slug:     "sudo-missing",
	Says:     "sudo is not there: a task of the worker's own user runs, and one of alice fails with the cause, unless she is reached without sudo",
	Verifies: []string{"IMP-006.sudo-missing"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		sudo := strings.TrimSpace(s.As(stage.WorkerAccount, "sh", "-c", "command -v sudo").Stdout)
		s.File(sudo, "root", 0o644, "") // remembers what stood there
		s.As("root", "rm", sudo)
		runs(s, "IMP-006.sudo-missing", stage.Task{}, stage.WorkerAccount)
		aliceOrRefused(s, "IMP-006.sudo-missing", `(?i)sudo\W.*(not found|no such file|cannot|permission denied)|no sudo|sudo (is )?(missing|not)`)
	},
}

var passwordAsked = stage.Spec{
	Slug:     "password-asked",
	Says:     "sudo asks the worker for a password where it becomes alice: a task of bob runs, one of alice fails with sudo's cause, and none of its code ran",
	Verifies: []string{"IMP-006.password"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		rule := "airflow\tALL=(ALL:ALL) NOPASSWD: SETENV: ALL"
		policy(s, strings.Replace(account.Sudoers, rule, "airflow\tALL=(ALL:ALL) PASSWD: SETENV: ALL\nairflow\tALL=(bob) NOPASSWD: SETENV: ALL", 1))
		runs(s, "IMP-006.password", stage.Task{As: "bob"}, "bob")
		forbidden(s, "IMP-006.password")
	},
}

var noSetenv = stage.Spec{
	Slug:     "no-setenv",
	Says:     "sudo lets the worker pass on no environment: the task of alice runs as alice, or fails with the cause, and none of its code ran",
	Verifies: []string{"IMP-006.nosetenv"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		policy(s, strings.Replace(account.Sudoers, "SETENV", "NOSETENV", 1))
		runs(s, "IMP-006.nosetenv", stage.Task{}, stage.WorkerAccount)
		aliceOrRefused(s, "IMP-006.nosetenv", `(?i)not allowed|not permitted|preserve the environment|SETENV`)
	},
}

var policyForbids = stage.Spec{
	Slug:     "policy-forbids",
	Says:     "sudo allows the worker to become bob only: a task of bob runs as bob, one of alice fails with sudo's cause, and none of its code ran",
	Verifies: []string{"IMP-006.policy"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		policy(s, strings.Replace(account.Sudoers, "airflow\tALL=(ALL:ALL)", "airflow\tALL=(bob)", 1))
		runs(s, "IMP-006.policy", stage.Task{As: "bob"}, "bob")
		forbidden(s, "IMP-006.policy")
	},
}
