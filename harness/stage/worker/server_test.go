package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
	"github.com/understudy-conformance/understudy/harness/theatre"
)

// served plays a script against a server that does what FAKE_SERVE says. A server that is
// awaited in vain makes the test as long as the patience is; 0 is the usual one.
func served(t *testing.T, what string, patience time.Duration, script func(s *worker.Stage, task stage.Task)) (*theatre.Theatre, journal.Observation) {
	th := theatre.New(t)
	th.Serve()
	spec := stage.Spec{Patience: patience, Alone: worker.Script(func(s *worker.Stage) {
		script(s, stage.Task{Env: map[string]string{"FAKE_SERVE": what}})
		s.Require("IMP-004").True("played", true, "", "")
	})}
	if how := th.Plan.Manifest.Roles[role.Worker]; what == "is never ready" {
		how.StartTimeout = "1s"
		th.Plan.Manifest.Roles[role.Worker] = how
	}
	return th, th.Perform(t, role.Worker, spec)
}

// steps are what the stage did, process ids left out.
func steps(th *theatre.Theatre, words ...string) []string {
	var found []string
	for _, e := range th.Are(func(e journal.Event) bool { return e.Step != nil && e.Step.Who == journal.Stage }) {
		text, _, _ := strings.Cut(e.Step.Text, " as process ")
		for _, word := range words {
			if strings.Contains(text, word) {
				found = append(found, text)
			}
		}
	}
	return found
}

func TestTasksOfOneEnvironmentShareAServer(t *testing.T) {
	th, o := served(t, "", 0, func(s *worker.Stage, task stage.Task) {
		first, second := s.Start(task), s.Start(task)
		first.Succeeds()
		second.Succeeds()
		other := task
		other.Settings = map[string]string{"core.default_impersonation": "bob"}
		s.Start(other).Succeeds()
		other.File = &stage.ConfigFile{Settings: map[string]string{"a.b": "1"}}
		s.Start(other).Succeeds()
		other.File = &stage.ConfigFile{Settings: map[string]string{"a.b": "2"}}
		s.Start(other).Succeeds()
		root := task
		root.Worker = "root"
		s.Start(root).Succeeds()
		s.Start(task).Succeeds()
	})
	th.Require(t, o, journal.Held)
	want := []string{
		"started server", "plain goes to server", "plain-2 goes to server",
		"started server-2", "plain-3 goes to server-2", "started server-3", "plain-4 goes to server-3",
		"started server-4", "plain-5 goes to server-4", "started server-5", "plain-6 goes to server-5",
		"plain-7 goes to server",
		"ask server to end", "ask server-2 to end", "ask server-3 to end", "ask server-4 to end", "ask server-5 to end",
	}
	if diff := cmp.Diff(want, steps(th, "started server", " goes to ", " to end")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAServerRestsBeforeTheEndOfItsAccountIsAwaited(t *testing.T) {
	th, o := served(t, "", 0, func(s *worker.Stage, task stage.Task) {
		s.Start(task).Succeeds()
		s.Require("IMP-004").AllGone(stage.DefaultPatience, stage.WorkerAccount)
		s.Start(task).Succeeds()
	})
	th.Require(t, o, journal.Held)
	want := []string{"plain goes to server", "ask server to end", "plain-2 goes to server-2", "ask server-2 to end"}
	if diff := cmp.Diff(want, steps(th, " goes to ", " to end")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAServerThatDoesNotServeIsAViolationThatShowsItsOutput(t *testing.T) {
	for what, want := range map[string][]string{
		"ends at once":      {"the server does not start", "serves", "exit code 3\nend of its output:\nfake: no port is free"},
		"is never ready":    {"waited in vain for server to say READY=1", "within ", "still lives"},
		"dies with a task":  {"should have succeeded", "plain succeeds", "\nserver, which was to run the task of plain, has ended: process "},
		"dies after a task": {"the server ended by itself", "server serves until SIGTERM", "exit code 5"},
		"stays":             {"waited in vain for server to end after SIGTERM", "within ", "still lives"},
		"leaves a daemon":   {"processes of the server are left", "no process of server lives after it", "(sleep 1000)"},
		"leaves a process":  {"processes of the server are left", "no process of server lives after it", "(sleep 1000)"},
	} {
		t.Run(what, func(t *testing.T) {
			patience := time.Duration(0)
			if what == "stays" {
				patience = 12 * time.Second
			}
			th, o := served(t, what, patience, func(s *worker.Stage, task stage.Task) { s.Start(task).Succeeds() })
			th.Require(t, o, journal.Violated)
			for i, text := range []string{o.Says, o.Expected, o.Actual} {
				if !strings.Contains(text, want[i]) {
					t.Errorf("%q lacks %q", text, want[i])
				}
			}
		})
	}
}

func TestAServerWhoseTaskStillLivesIsNotAwaited(t *testing.T) {
	th, o := served(t, "stays", 0, func(s *worker.Stage, task stage.Task) {
		task.Env["FAKE_WAITS"] = "yes"
		s.Start(task)
	})
	th.Require(t, o, journal.Held)
}

func TestWhatAServerPrintsIsInTheJournalWithoutSecrets(t *testing.T) {
	var secret string
	th, o := served(t, "", 0, func(s *worker.Stage, task stage.Task) {
		secret = s.Secret()
		task.Env["FAKE_SAYS"] = "it is " + secret
		s.Start(task).Succeeds()
	})
	th.Require(t, o, journal.Held)
	var said []string
	for _, e := range th.Are(func(e journal.Event) bool { return e.Log != nil }) {
		said = append(said, fmt.Sprintf("%s %s %s", e.Run, e.Log.Channel, e.Log.Text))
	}
	if diff := cmp.Diff([]string{"server stderr fake: it is ***\n"}, said); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
