package bundles

import (
	"os"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var parentClosedToTheTarget = stage.Spec{
	Slug:     "parent-closed-to-the-target",
	Says:     "a folder above a local bundle is 0700 of the worker: alice's task fails before user code and names path, user and permission",
	Verifies: inaccessible,
	Roles:    both,
	Run:      func(s *stage.Stage) { closed(s, s.Path("private")) },
}

var bundleClosedToTheTarget = stage.Spec{
	Slug:     "bundle-closed-to-the-target",
	Says:     "a local bundle itself is 0700 of the worker: alice's task fails before user code and names path, user and permission",
	Verifies: inaccessible,
	Roles:    both,
	Run:      func(s *stage.Stage) { closed(s, s.Path("private", "dags")) },
}

// inaccessible are the clauses of a bundle that the target cannot access.
var inaccessible = []string{"BND-019.fails", "BND-019.no-user-code", "BND-019.path", "BND-019.user", "BND-019.permission"}

// closed runs a task of alice from a local bundle below private, then closes one
// folder of its path to all but the worker, and requires that alice's next task
// is refused with a reason while the worker's own is not.
func closed(s *stage.Stage, folder string) {
	bundle := s.Path("private", "dags")
	s.Dir(s.Path("private"), stage.WorkerAccount, 0o755)
	s.Dir(bundle, stage.WorkerAccount, 0o755)
	s.Must(os.CopyFS(bundle, os.DirFS(s.Path("dags"))))
	local := setting(s, "airflow.dag_processing.bundles.local.LocalDagBundle", map[string]any{"path": bundle})
	verbs := stage.Verbs(stage.PushXCom("ran", s.Nonce()), stage.WaitFor("here"))
	control := s.Start(stage.Task{As: "alice", Settings: local, Verbs: verbs})
	s.Require("BND-019.fails").RunsAs(control, "here", "alice")
	control.Release("here")
	control.Succeeds()

	s.Dir(folder, stage.WorkerAccount, 0o700)
	s.Start(stage.Task{Settings: local}).Succeeds()
	refused := s.Start(stage.Task{As: "alice", Settings: local, Verbs: verbs})
	s.Require("BND-019.no-user-code").Refused(refused, "here")
	e := s.Require("BND-019.fails").Failure(refused)
	path, user := regexp.QuoteMeta(folder), stage.Name("alice")
	s.Require("BND-019.path").LineWith("folder in the message of the failure", e.Log, path)
	s.Require("BND-019.user").LineWith("folder and user in the message of the failure", e.Log, path, user)
	s.Require("BND-019.permission").LineWith("folder, user and permission in the message of the failure", e.Log, path, user, `(?i)permission|access|read|search`)
}
