package impersonation

import (
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/understudy-conformance/understudy/harness/account"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// logging is a policy by which sudo keeps what goes through some descriptors.
func logging(s *stage.Stage, what string) {
	policy(s, "Defaults\t"+what+", iolog_dir="+s.Path("sudo-io")+"\n"+account.Sudoers)
}

var inputIsLogged = stage.Spec{
	Slug:     "input-is-logged",
	Says:     "sudo logs input, so that descriptor 0 behind it is a pipe: the task of alice fails soon and with the cause, or runs as alice",
	Verifies: []string{"IMP-007.input"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		logging(s, "log_input")
		runs(s, "IMP-007.input", stage.Task{}, stage.WorkerAccount)
		aliceOrRefused(s, "IMP-007.input", `(?i)log_input|descriptor 0|\bfd ?0\b|stdin|standard input|socket|pipe`)
	},
}

var outputIsLogged = stage.Spec{
	Slug:     "output-is-logged",
	Says:     "sudo logs output alone: tasks of alice and bob run, and what they print and log arrives once",
	Verifies: []string{"IMP-007.output"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		logging(s, "log_output")
		for _, user := range []string{"alice", "bob"} {
			logged, printed := s.Nonce(), s.Nonce()
			run := s.Start(stage.Task{As: user, Verbs: stage.Verbs(stage.Log(logged), stage.Print(printed), stage.WaitFor("here"))})
			if !run.AtOrEnded("here") {
				s.Require("IMP-007.output").Fails("a task does not run where sudo logs output", run.Label()+" comes to its barrier", run.End().Log)
			}
			s.Require("IMP-007.output").RunsAs(run, "here", user)
			run.Release("here")
			run.Succeeds()
			s.Require("IMP-007.output").Once("record in the log of "+user, run.TaskLog(), logged)
			s.Require("IMP-007.output").Once("printed line in the log of "+user, run.TaskLog(), printed)
		}
	},
}

// forgetful is a sudo that takes no notice of -E, as sudo-rs does.
const forgetful = `#!/bin/sh
n=$#
for a in "$@"; do
  case $n:$a in *:-E | *:--preserve-env*) ;; *) set -- "$@" "$a" ;; esac
done
shift "$n"
exec SUDO "$@"
`

var environmentIsDropped = stage.Spec{
	Slug:     "environment-is-dropped",
	Says:     "sudo drops the environment in spite of -E: the task of alice runs as alice, or fails within 10 s with the cause",
	Verifies: []string{"IMP-035"},
	Roles:    both,
	Run: func(s *stage.Stage) {
		sudo := strings.TrimSpace(s.As(stage.WorkerAccount, "sh", "-c", "command -v sudo").Stdout)
		s.As("root", "cp", "-p", sudo, sudo+".kept")
		s.Finally(func() error { return os.Remove(sudo + ".kept") })
		s.File(sudo, "root", 0o755, strings.Replace(forgetful, "SUDO", sudo+".kept", 1))
		out := s.As(stage.WorkerAccount, "sudo", "-n", "-E", "-u", "alice", "printenv", "LANG", "USER")
		s.Require("IMP-035").Contains("control: sudo of the case", out.Stdout, "alice")
		aliceOrRefused(s, "IMP-035", `(?i)environment|preserve|sudo|startup`)
	},
}

// crash matches what runtimes print when a program ends by a fault that it did not expect.
var crash = regexp.MustCompile(`(?m)^(panic: |goroutine \d+ \[running|Traceback \(most recent call last|Exception in thread |thread '.*' panicked at).*`)

// modes are those in which sudo runs a command, and what the policy says for each.
var modes = []struct{ clause, slug, defaults string }{
	{"IMP-015.parent", "sudo-stays-as-parent", "pam_session, !use_pty"},
	{"IMP-015.pty", "sudo-with-pty", "use_pty"},
	{"IMP-015.exec", "sudo-executes-directly", "!use_pty, !pam_session, !pam_setcred"},
}

// stopThrough is the scenario of one mode: the server stops a task that ignores SIGTERM.
func stopThrough(i int) stage.Spec {
	mode := modes[i]
	spec := stage.Spec{
		Slug:     mode.slug,
		Says:     "the server stops a stubborn task of alice with a child and a daemon, started by a sudo with " + mode.defaults + ": nothing survives, and the supervisor ends by itself",
		Verifies: []string{mode.clause, "IMP-016"},
		Roles:    []role.Role{role.Worker},
		Budget:   4 * time.Minute,
		Run: func(s *stage.Stage) {
			policy(s, strings.Replace(account.Sudoers, "Defaults\tuse_pty", "Defaults\t"+mode.defaults, 1))
			task := withChild
			task.Verbs = append(stage.Verbs(stage.IgnoreSIGTERM()), task.Verbs...)
			run := s.Start(task)
			s.Require(mode.clause).RunsAs(run, "here", "alice")
			s.Require(mode.clause).Lives("alice", "sleep")
			s.Require(mode.clause).Lives("alice", "tail")
			s.World.FailHeartbeats(409, map[string]any{"reason": "not_running", "message": "TI is no longer in the running state", "current_state": "failed"})
			s.Require(mode.clause).AllGone(s.Grace()+s.Stretched(deathBudget), "alice")
			e := run.EndWithin(s.Grace() + stage.DefaultPatience)
			s.Require("IMP-016").Equal("signal that ended the supervisor", e.Signal, "")
			s.Require("IMP-016").Empty("words of a crash in what it printed", crash.FindAllString(e.Stdout+"\n"+e.Stderr, 3)...)
		},
	}
	return spec
}

var (
	stopThroughParent = stopThrough(0)
	stopThroughPty    = stopThrough(1)
	stopThroughExec   = stopThrough(2)
)
