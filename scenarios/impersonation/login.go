package impersonation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/stage"
)

var loginClauses = []string{"IMP-011.home", "IMP-011.user", "IMP-011.logname", "IMP-011.shell", "IMP-011.mail", "IMP-011.path"}

var variablesOfTheTarget = stage.Spec{
	Slug:     "variables-of-the-target",
	Says:     "HOME, USER, LOGNAME, SHELL and MAIL of children of alice's and of carol's task are theirs, and PATH is the same though that of the worker is not",
	Verifies: loginClauses,
	Roles:    both,
	Run:      loginVariables(stage.WorkerAccount),
}

var variablesUnderARootWorker = stage.Spec{
	Slug:     "variables-under-a-root-worker",
	Says:     "the same where the worker is root: HOME, USER, LOGNAME, SHELL and MAIL are those of the target, and PATH is the same",
	Verifies: loginClauses,
	Roles:    both,
	Run:      loginVariables("root"),
}

// loginVariables looks at a child of alice's task and at one of carol's, whose home and
// shell follow from nothing. The worker has another PATH each time.
func loginVariables(worker string) func(*stage.Stage) {
	return func(s *stage.Stage) {
		paths := map[string]string{"alice": "/opt/odd/bin:" + account.SearchPath, "carol": account.SearchPath + ":/opt/odder"}
		var before string
		for _, user := range []string{"alice", "carol"} {
			task := stage.Task{As: user, Worker: worker, Env: map[string]string{"MAIL": "/var/mail/" + worker, "PATH": paths[user]}}
			task.Verbs = stage.Verbs(stage.Spawn("sleep", "600"))
			switched(s, s.Require("IMP-011.home"), task)
			child := environment(s, s.Require("IMP-011.home").Lives(user, "sleep"))
			login(s, child, s.Account(user))
			if before != "" {
				s.Require("IMP-011.path").Equal("PATH of a child of "+user+"'s task, beside that of alice's", child["PATH"], before)
			}
			before = child["PATH"]
			s.Require("IMP-011.path").True("PATH of a child of "+user+"'s task", before != "" && !strings.Contains(before, "/opt/odd"),
				"a path without /opt/odd, which only the worker has", fmt.Sprintf("%q", before))
		}
	}
}

// login requires that the variables of a process are those that a login of the account has.
func login(s *stage.Stage, child map[string]string, a account.Account) {
	of := " of a child of " + a.Name + "'s task"
	s.Require("IMP-011.home").Equal("HOME"+of, child["HOME"], a.Home)
	s.Require("IMP-011.user").Equal("USER"+of, child["USER"], a.Name)
	s.Require("IMP-011.logname").Equal("LOGNAME"+of, child["LOGNAME"], a.Name)
	s.Require("IMP-011.shell").Equal("SHELL"+of, child["SHELL"], a.Shell)
	mail, set := child["MAIL"]
	boxes := []string{"/var/mail/" + a.Name, "/var/spool/mail/" + a.Name}
	s.Require("IMP-011.mail").True("MAIL"+of, !set || slices.Contains(boxes, mail), "none, or "+strings.Join(boxes, " or "), fmt.Sprintf("%q", mail))
}
