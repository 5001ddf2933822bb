package bundles

import (
	"os"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var parentClosedToTheTarget = stage.Spec{
	Slug:     "parent-closed-to-the-target",
	Says:     "a folder above a local bundle is 0700 of the worker: alice's task fails before user code and names path, user and permission",
	Verifies: []string{"BND-019"},
	Roles:    both,
	Run:      func(s *stage.Stage) { closed(s, s.Path("private")) },
}

var bundleClosedToTheTarget = stage.Spec{
	Slug:     "bundle-closed-to-the-target",
	Says:     "a local bundle itself is 0700 of the worker: alice's task fails before user code and names path, user and permission",
	Verifies: []string{"BND-019"},
	Roles:    both,
	Run:      func(s *stage.Stage) { closed(s, s.Path("private", "dags")) },
}

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
	s.Require("BND-019").RunsAs(control, "here", "alice")
	control.Release("here")
	control.Succeeds()

	s.Dir(folder, stage.WorkerAccount, 0o700)
	s.Start(stage.Task{Settings: local}).Succeeds()
	refused := s.Start(stage.Task{As: "alice", Settings: local, Verbs: verbs})
	e := refused.Fails()
	s.Require("BND-019").NoUserCode(refused)
	s.Require("BND-019").LineWith("message of the failure", e.Log, regexp.QuoteMeta(folder), stage.Name("alice"), `(?i)permission|access|read|search`)
}
