package impersonation

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var workerFilesRefused = stage.Spec{
	Slug:     "worker-files-refused",
	Says:     "the system refuses alice's task the configuration in the worker's 0700 home, the record names the file, and bob's task goes on",
	Verifies: []string{"IMP-033"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		private, readable := "/home/airflow/airflow.cfg", s.Path("readable")
		s.File(private, stage.WorkerAccount, 0o644, "[core]\n# "+s.Nonce()+"\n")
		s.File(readable, stage.WorkerAccount, 0o644, s.Nonce())
		own := s.Start(stage.Task{Verbs: stage.Verbs(stage.ReadFile(private).Save("read"))})
		own.Succeeds()
		s.Require("IMP-033").Equal("control: the worker's own user reads its file", own.Result("read"), digest(s.Text(private)))

		alice := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(
			stage.ReadFile(readable).Save("may"), stage.WaitFor("between"), stage.ReadFile(private).Save("must not"))})
		s.Require("IMP-033").RunsAs(alice, "between", "alice")
		s.Require("IMP-033").Equal("control: alice reads a file that she may read", alice.Result("may"), digest(s.Text(readable)))
		bob := s.Start(stage.Task{As: "bob", Verbs: stage.Verbs(stage.WaitFor("meanwhile"), stage.PushXCom("k", "done"))})
		s.Require("IMP-033").RunsAs(bob, "meanwhile", "bob")
		alice.Release("between")
		e := alice.Fails()
		s.Require("IMP-033").True("the worker's file stays closed to alice", !alice.Pushed("must not"), "no result", "the file was read")
		s.Require("IMP-033").LineWith("record of the refusal", e.Log, regexp.QuoteMeta(private), `(?i)permission denied|EACCES`)
		bob.Release("meanwhile")
		bob.Succeeds()
	},
}

// digest is what the verb read_file gives for a file that holds a text.
func digest(text string) any {
	sum := sha256.Sum256([]byte(text))
	return map[string]any{"size": len(text), "sha256": hex.EncodeToString(sum[:])}
}
