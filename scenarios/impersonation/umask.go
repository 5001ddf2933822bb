package impersonation

import (
	"fmt"
	"os"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/internal/ordered"
)

var umaskOfTheWorker = stage.Spec{
	Slug:     "umask-of-the-worker",
	Says:     "files of alice's task have the same mode under workers with umask 022, 077 and 002, and under root with 077",
	Verifies: []string{"IMP-025.worker"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		usual := modeOf(s, s.Require("IMP-025.worker"), stage.Task{Name: "022"})
		for _, task := range []stage.Task{{Name: "077", Umask: 0o077}, {Name: "002", Umask: 0o002}, {Name: "root 077", Umask: 0o077, Worker: "root"}} {
			mode := modeOf(s, s.Require("IMP-025.worker"), task)
			s.Require("IMP-025.worker").Equal("mode of a file of alice under a worker with umask "+task.Name, mode, usual)
		}
	},
}

var umaskOfThePolicy = stage.Spec{
	Slug:     "umask-of-the-policy",
	Says:     "files of alice's task have the same mode where the sudo policy sets no umask, 077 or 002",
	Verifies: []string{"IMP-025.sudo"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		usual := modeOf(s, s.Require("IMP-025.sudo"), stage.Task{Name: "no umask"})
		for _, mask := range []string{"0077", "0002"} {
			policy(s, strings.Replace(account.Sudoers, "Defaults\tenv_reset\n", "Defaults\tenv_reset, umask="+mask+", umask_override\n", 1))
			mode := modeOf(s, s.Require("IMP-025.sudo"), stage.Task{Name: "policy " + mask})
			s.Require("IMP-025.sudo").Equal("mode of a file of alice where the sudo policy says umask="+mask, mode, usual)
		}
	},
}

var umaskOfTheSettings = stage.Spec{
	Slug:     "umask-of-the-settings",
	Says:     "files of tasks of alice and carol have the mode that the configured umask leaves, from the environment and from the file",
	Verifies: []string{"IMP-025.configured"},
	Roles:    both,
	Needs:    []string{"umask"},
	Run: func(s *stage.Stage) {
		for mask, mode := range ordered.Pairs(map[string]string{"0027": "0640", "0077": "0600", "0002": "0664"}) {
			c, configured := s.Require("IMP-025.configured"), map[string]string{s.UmaskSetting(): mask}
			c.Equal("mode of a file of alice with umask "+mask+" configured", modeOf(s, c, stage.Task{Name: mask, Settings: configured, Umask: 0o022}), mode)
			task := stage.Task{Name: mask + " in the file", As: "carol", File: &stage.ConfigFile{Settings: configured}}
			c.Equal("mode of a file of carol with umask "+mask+" configured in the file", modeOf(s, c, task), mode)
		}
	},
}

// modeOf runs a task, of alice unless it names somebody, and returns the mode of a file
// that it made and left to the umask, which the stage looks at itself.
func modeOf(s *stage.Stage, c stage.Check, task stage.Task) string {
	if task.As == "" {
		task.As = "alice"
	}
	s.Dir(s.Path("files"), "root", 0o777)
	path := s.Path("files", s.Nonce())
	task.Verbs = stage.Verbs(stage.WriteFile(path, "x"))
	run, _ := switched(s, c, task)
	info, err := os.Lstat(path)
	s.Must(err)
	run.Release("here")
	run.Succeeds()
	return fmt.Sprintf("%04o", info.Mode().Perm())
}
