// Package runner is the door of role runner: the process of one task is under test, and
// the stage is its supervisor.
//
//	stage                                           runner
//	 socketpair 0  <- requests, answers ->          fd 0
//	 socketpair 1  <- text                          fd 1
//	 socketpair 2  <- text                          fd 2
//	 socketpair n  <- JSON lines                    asked for by ResendLoggingFD
//
// The runner leads a process group of its own and has no other descriptor. A scenario
// that this role alone can play is a Script, and has its words:
//
//	Alone: runner.Script(func(s *runner.Stage) {
//		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.WaitFor("here"))}, runner.Wire{ByteByByte: true})
//		run.CloseChannel()
//	})
package runner

import (
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
)

// door has nothing that belongs to the case as a whole.
type door struct{ *stage.Backstage }

// Open opens the door for one case.
func Open(b *stage.Backstage) (stage.Door, error) { return door{b}, nil }

func (d door) Counterpart(c *stage.Conversation) stage.Counterpart { return newSupervisor(c, Wire{}) }

// Rest and Finish have nothing to do: each task has a process of its own.
func (d door) Rest(string) {}
func (d door) Finish()     {}

func (d door) Close() error { return nil }

func newSupervisor(c *stage.Conversation, wire Wire) *supervisor {
	return &supervisor{Conversation: c, wire: wire, begin: c.Begin}
}

// Script is what a scenario does in role runner alone.
type Script func(*Stage)

// Roles is role runner.
func (Script) Roles() []role.Role { return []role.Role{role.Runner} }

// Play plays the script on a stage of role runner.
func (script Script) Play(s *stage.Stage, d stage.Door) { script(&Stage{Stage: s, door: d.(door)}) }

// Stage is the stage in role runner.
type Stage struct {
	*stage.Stage
	door door
}

// Run is one task in role runner.
type Run struct {
	*stage.Run
	end *supervisor
}

// Start is Stage.Start of every role, with frames written as wire says.
func (s *Stage) Start(task stage.Task, wire Wire) *Run {
	r := &Run{}
	r.Run = s.door.StartWith(task, func(c *stage.Conversation) stage.Counterpart {
		r.end = newSupervisor(c, wire)
		return r.end
	})
	return r
}

// CloseChannel closes the stage's end of the message channel. stdout, stderr and the
// log channel stay open.
func (r *Run) CloseChannel() {
	r.end.Backstage().Step("close the message channel of " + r.Label())
	r.end.close()
}

// Child is one task whose runner is the child of a process that can be killed.
type Child struct {
	*stage.Run
	parent *parent
}

// StartChild is Start, but between stage and runner stands a parent, to be killed by
// KillParent.
func (s *Stage) StartChild(task stage.Task) *Child {
	child := &Child{}
	child.Run = s.door.StartWith(task, func(c *stage.Conversation) stage.Counterpart {
		end := newSupervisor(c, Wire{})
		child.parent = &parent{Conversation: c}
		end.begin = child.parent.begin
		return end
	})
	return child
}

// KillParent kills the parent of the runner by SIGKILL and closes the ends of all
// channels, as the kernel does when a supervisor dies.
func (c *Child) KillParent() {
	c.parent.Backstage().Step("kill the parent of " + c.Label())
	c.parent.Backstage().Must(c.parent.cmd.Process.Kill())
	c.parent.Close()
}
