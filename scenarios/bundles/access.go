package bundles

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var _ = stage.Scenario(stage.Spec{
	Slug:     "parent-closed-to-the-target",
	Says:     "a folder above a local bundle is 0700 of the worker: alice's task fails before user code and names path, user and permission",
	Verifies: []string{"BND-019"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		parent := s.Path("private")
		bundle := filepath.Join(parent, "dags")
		s.Dir(parent, stage.WorkerAccount, 0o755)
		s.Dir(bundle, stage.WorkerAccount, 0o755)
		s.Must(os.CopyFS(bundle, os.DirFS(s.Path("dags"))))
		local := setting(s, "airflow.dag_processing.bundles.local.LocalDagBundle", map[string]any{"path": bundle})
		verbs := stage.Verbs(stage.PushXCom("ran", s.Nonce()), stage.WaitFor("here"))
		open := s.Start(stage.Task{As: "alice", Settings: local, Verbs: verbs})
		s.Require("BND-019").RunsAs(open, "here", "alice")
		open.Release("here")
		open.Succeeds()

		s.Dir(parent, stage.WorkerAccount, 0o700)
		own := s.Start(stage.Task{Settings: local})
		own.Succeeds()
		closed := s.Start(stage.Task{As: "alice", Settings: local, Verbs: verbs})
		e := closed.Fails()
		s.Require("BND-019").NoUserCode(closed)
		s.Require("BND-019").LineWith("message of the failure", e.Log, regexp.QuoteMeta(parent), stage.Name("alice"), `(?i)permission|access|read|search`)
	},
})
