package impersonation

import (
	"time"

	"github.com/understudy-conformance/understudy/harness/puppet"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/stage/runner"
	"github.com/understudy-conformance/understudy/harness/stage/supervisor"
	"github.com/understudy-conformance/understudy/harness/stage/worker"
)

// deathBudget is how long a task may outlive its supervisor or its channel.
const deathBudget = 10 * time.Second

var parentDies = stage.Spec{
	Slug:     "parent-dies",
	Says:     "the privileged parent is killed while alice's task, a child and a daemon of it live: all end",
	Verifies: []string{"IMP-029.parent"},
	Alone: runner.Script(func(s *runner.Stage) {
		run := s.StartChild(withChild)
		allLive(s, "IMP-029.parent", run)
		run.KillParent()
		s.Require("IMP-029.parent").AllGone(s.Stretched(deathBudget), "alice")
	}),
}

var channelCloses = stage.Spec{
	Slug:     "channel-closes",
	Says:     "the message channel alone is closed while alice's task, a child and a daemon of it live: all end",
	Verifies: []string{"IMP-029.channel"},
	Alone: runner.Script(func(s *runner.Stage) {
		run := s.Start(withChild, runner.Wire{})
		allLive(s, "IMP-029.channel", run)
		run.CloseChannel()
		s.Require("IMP-029.channel").AllGone(s.Stretched(deathBudget), "alice")
	}),
}

// withChild is a task of alice that waits at a barrier beside a child that it has started
// and a daemon, in a session of its own and with its parent gone.
var withChild = stage.Task{As: "alice", Verbs: stage.Verbs(
	stage.Spawn("sleep", "600"), stage.Daemonise("tail", "-f", "/dev/null"), stage.WaitFor("here"))}

func allLive(s *runner.Stage, clause string, run stage.Started) {
	s.Require(clause).RunsAs(run, "here", "alice")
	s.Require(clause).Lives("alice", "sleep")
	s.Require(clause).Lives("alice", "tail")
}

var logChannelAfterTheSwitch = stage.Spec{
	Slug:     "log-channel-after-the-switch",
	Says:     "the first thing that alice's process asks for is its log channel, and what she logs comes through it once",
	Verifies: []string{"IMP-020", "IMP-031.frame"},
	Alone: runner.Script(func(s *runner.Stage) {
		mark, overheard := s.Nonce(), &overheard{uid: s.UID("alice")}
		run := s.Start(stage.Task{
			As: "alice", Verbs: stage.Verbs(stage.Log(mark), stage.PushXCom("k", mark), stage.WaitFor("here")),
		}, overheard.wire())
		s.Require("IMP-020").RunsAs(run, "here", "alice")
		run.Release("here")
		e := s.Require("IMP-031.frame").Success(run.Run) // one StartupDetails was sent
		s.Require("IMP-020").Equal("first requests of alice's process", append(overheard.inOrder(), "", "")[:2], []string{"ResendLoggingFD", "SetXCom"})
		s.Require("IMP-020").Once("log channel", e.Channel, mark)
	}),
}

var logChannelIsSent = stage.Spec{
	Slug:     "log-channel-is-sent",
	Says:     "a runner that has become alice asks for its log channel first: one descriptor comes with SentFDs, what goes through it is logged once, and her XCom is stored",
	Verifies: []string{"IMP-020"},
	Alone: supervisor.Script(func(s *supervisor.Stage) {
		mark, value := s.Nonce(), s.Nonce()
		run := s.Start(stage.Task{As: "alice"}, supervisor.AskLog().Noted("log channel"),
			supervisor.Do(stage.Log(mark)), supervisor.Do(stage.PushXCom("k", value)), supervisor.Do(stage.WaitFor("here")))
		s.Require("IMP-020").RunsAs(run, "here", "alice")
		s.Require("IMP-020").Equal("answer to the first frame of alice's process", run.Noted("log channel"), puppet.Given)
		s.Require("IMP-020").Equal("control: XCom that alice's process pushed on the same channel", run.Result("k"), value)
		run.Release("here")
		e := run.Succeeds()
		s.Require("IMP-020").Once("log channel", e.Channel, mark)
	}),
}

var oneStartForTheServer = stage.Spec{
	Slug:     "one-start-for-the-server",
	Says:     "the switch of alice's task is invisible to the server: one start, and every heartbeat from the same host and pid",
	Verifies: []string{"IMP-031.attempt", "IMP-018", "LIFE-008.pid"},
	Alone: worker.Script(func(s *worker.Stage) {
		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.WaitFor("here"))})
		s.Require("IMP-031.attempt").RunsAs(run, "here", "alice")
		seen := len(run.TI().Heartbeats)
		run.Beats(seen + 3)
		run.Release("here")
		run.Succeeds()
		ti := run.TI()
		first := ti.Starts[0]
		s.Require("IMP-031.attempt").Equal("starts told to the server", len(ti.Starts), 1)
		for _, beat := range ti.Heartbeats {
			s.Require("IMP-018").Equal("host and pid of a heartbeat",
				map[string]any{"host": beat.Hostname, "pid": beat.PID}, map[string]any{"host": first.Hostname, "pid": first.PID})
			s.Require("LIFE-008.pid").Equal("pid of a heartbeat", map[string]any{"pid": beat.PID}, map[string]any{"pid": first.PID})
		}
	}),
}
