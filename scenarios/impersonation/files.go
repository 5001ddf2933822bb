package impersonation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"

	"github.com/understudy-conformance/understudy/harness/stage"
)

var workerFilesRefused = stage.Spec{
	Slug:     "worker-files-refused",
	Says:     "the system refuses alice's task the configuration in the worker's 0700 home, the record names the file, and bob's task goes on",
	Verifies: []string{"IMP-033.refused", "IMP-033.fails", "IMP-033.record", "IMP-033.others"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		private, readable := "/home/airflow/airflow.cfg", s.Path("readable")
		s.File(private, stage.WorkerAccount, 0o644, "[core]\n# "+s.Nonce()+"\n")
		s.File(readable, stage.WorkerAccount, 0o644, s.Nonce())
		own := s.Start(stage.Task{Verbs: stage.Verbs(stage.ReadFile(private).Save("read"))})
		own.Succeeds()
		s.Require("IMP-033.refused").Equal("control: the worker's own user reads its file", own.Result("read"), digest(s.Text(private)))

		alice := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(
			stage.ReadFile(readable).Save("may"), stage.WaitFor("here"), stage.ReadFile(private).Save("must not"))})
		s.Require("IMP-033.refused").Equal("control: uid of alice's task", alice.At("here").UIDs[0], s.UID("alice"))
		s.Require("IMP-033.refused").Equal("control: alice reads a file that she may read", alice.Result("may"), digest(s.Text(readable)))
		bob, _ := switched(s, s.Require("IMP-033.others"), stage.Task{As: "bob"})
		alice.Release("here")
		e := s.Require("IMP-033.fails").Failure(alice)
		s.Require("IMP-033.refused").True("the worker's file stays closed to alice", !alice.Pushed("must not"), "no result", "the file was read")
		s.Require("IMP-033.record").LineWith("record of the refusal", e.Log, regexp.QuoteMeta(private), `(?i)permission denied|EACCES`)
		bob.Release("here")
		s.Require("IMP-033.others").Success(bob)
		s.Require("IMP-033.others").Success(s.Start(stage.Task{As: "carol", Name: "after the refusal"}))
	},
}

var rootFilesRefused = stage.Spec{
	Slug:     "files-of-each-worker-refused",
	Says:     "files that only the worker or one of its groups may read are refused to tasks of alice and bob, and new ones in its folder; so where the worker is root",
	Verifies: []string{"IMP-033.refused"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		for _, worker := range []string{stage.WorkerAccount, "root"} {
			a := s.Account(worker)
			s.Dir(s.Path(worker), worker, 0o755)
			refused := []stage.Verb{stage.WriteFile(s.Path(worker, "new"), "x").Catch().Save("new file")}
			for _, gid := range append([]int{a.GID}, a.Groups...) {
				path := s.Path(worker, fmt.Sprint("of group ", gid))
				s.File(path, worker, 0o640, s.Nonce())
				s.Must(os.Chown(path, a.UID, gid))
				refused = append(refused, stage.ReadFile(path).Catch().Save(fmt.Sprint("file of group ", gid)))
			}
			for _, user := range []string{"alice", "bob"} {
				run, _ := switched(s, s.Require("IMP-033.refused"), stage.Task{As: user, Name: user + " of " + worker, Worker: worker, Verbs: refused})
				for _, verb := range refused {
					key, _ := verb["save"].(string)
					result, _ := run.Result(key).(map[string]any)
					s.Require("IMP-033.refused").Equal(key+" of "+worker+", as "+user, result["error"], "EACCES")
				}
				run.Release("here")
				run.Succeeds()
			}
		}
	},
}

// digest is what the verb read_file gives for a file that holds a text.
func digest(text string) any {
	sum := sha256.Sum256([]byte(text))
	return map[string]any{"size": len(text), "sha256": hex.EncodeToString(sum[:])}
}
