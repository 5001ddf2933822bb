// Package worker is the door of role worker: supervisor and runner are under test
// together, as deployed, and the stage is executor and Execution API.
//
//	stage                                           worker
//	 file          -> workload                      argv
//	 HTTP          <- requests, answers ->          [core] execution_api_server_url
//	 two pipes     <- text                          fd 1, fd 2
//	 file          <- task log                      base_log_folder/log_path
//
// Where the manifest has serve, a server of the implementation runs for each worker
// environment of the case, and what is started for a task hands the task to it:
//
//	socket        <- READY=1                       NOTIFY_SOCKET
//	SIGTERM       ->                               takes no more tasks, ends with the last
//
// A scenario that this role alone can play is a Script, and has its words:
//
//	Alone: worker.Script(func(s *worker.Stage) {
//		run := s.Start(stage.Task{As: "alice", Verbs: stage.Verbs(stage.WaitFor("here"))})
//		run.Beats(3)
//	})
package worker

import (
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/role"
	"github.com/understudy-conformance/understudy/harness/stage"
	"github.com/understudy-conformance/understudy/harness/world"
	"github.com/understudy-conformance/understudy/harness/world/executionapi"
)

// Door is the Execution API of one case.
type Door struct {
	*stage.Backstage
	around   Around
	listener net.Listener
	server   *http.Server
	servers  []*server // of the implementation
}

// Around makes of what the stage plays to one task, API and executor, what it plays in a
// role that has more than these.
type Around func(*stage.Conversation, stage.Counterpart) stage.Counterpart

// Open opens the door for one case: the Execution API, on a port of the loopback device.
func Open(b *stage.Backstage) (stage.Door, error) {
	return NewDoor(b, func(_ *stage.Conversation, c stage.Counterpart) stage.Counterpart { return c })
}

// NewDoor is Open for a door that is built on this one: what is around holds for every
// task, also for those that a Script of this package starts.
func NewDoor(b *stage.Backstage, around Around) (*Door, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Execution API: %w", err)
	}
	d := &Door{Backstage: b, around: around, listener: listener}
	d.server = executionapi.NewServer(b.World, d.exchanged)
	go d.server.Serve(listener) // ends by Close
	return d, nil
}

// url is the value of [core] execution_api_server_url.
func (d *Door) url() string { return "http://" + d.listener.Addr().String() + "/execution/" }

// exchanged journals one request.
func (d *Door) exchanged(e executionapi.Exchange) {
	event := journal.Event{HTTP: &journal.HTTP{
		Method: e.Method, Path: "/" + e.Path, Status: e.Status, Body: e.Body, Size: e.Size,
	}}
	if c, known := d.Of(e.Task); known {
		c.Heard(fmt.Sprintf("%s %s %d", e.Method, e.Path, e.Status))
		c.Exchange(event)
		return
	}
	d.Exchange(event)
}

// Counterpart is the API and an executor.
func (d *Door) Counterpart(c *stage.Conversation) stage.Counterpart {
	return d.around(c, d.serve(c, nil))
}

func (d *Door) serve(c *stage.Conversation, plant func(path string) error) *executor {
	return &executor{Conversation: c, door: d, log: newTaskLog(c, plant), server: d.serverOf(c.Task())}
}

// Close ends the API. Servers of the implementation that still run are killed with all
// other processes of the case.
func (d *Door) Close() error { return d.server.Close() }

// Script is what a scenario does in role worker alone.
type Script func(*Stage)

// Roles is role worker.
func (Script) Roles() []role.Role { return []role.Role{role.Worker} }

// Play plays the script on a stage of role worker.
func (script Script) Play(s *stage.Stage, d stage.Door) { script(&Stage{Stage: s, door: d.(*Door)}) }

// Stage is the stage in role worker.
type Stage struct {
	*stage.Stage
	door *Door
}

// Run is one task in role worker.
type Run struct {
	*stage.Run
	end *executor
}

// Start is Stage.Start of every role.
func (s *Stage) Start(task stage.Task) *Run { return s.StartWithLog(task, nil) }

// StartWithLog is Start, but calls plant before with the path that the task log will
// have; it may put something there. That is not the implementation's doing then, so what
// it is ends no scenario.
func (s *Stage) StartWithLog(task stage.Task, plant func(path string) error) *Run {
	r := &Run{}
	r.Run = s.door.StartWith(task, func(c *stage.Conversation) stage.Counterpart {
		r.end = s.door.serve(c, plant)
		return s.door.around(c, r.end)
	})
	return r
}

// LogPath is the path at which the task log belongs.
func (r *Run) LogPath() string { return r.end.log.path() }

// LogFile describes who may do what with the task log file. That there is none is a
// violation.
func (r *Run) LogFile() LogFile { return r.end.log.described() }

// MoveLog makes the task log of the run that of another attempt, which goes on with it:
// for StartWithLog. It is gone from its own path then.
func (r *Run) MoveLog(path string) error { return r.end.log.move(path) }

// Beats waits until the server has answered so many heartbeats of the task and returns
// them.
func (r *Run) Beats(atLeast int) []world.Heartbeat {
	awaited := fmt.Sprintf("%d heartbeats of %s", atLeast, r.Label())
	if !r.end.Await(awaited, func() bool { return len(r.TI().Heartbeats) >= atLeast }) {
		r.end.Violated("the task ended before it had sent so many heartbeats", awaited, r.end.Saw())
	}
	return r.TI().Heartbeats
}

// BeatAnswered waits until a heartbeat of the task was answered like that, and returns it.
func (r *Run) BeatAnswered(status int) world.Heartbeat {
	answered := func() int {
		return slices.IndexFunc(r.TI().Heartbeats, func(beat world.Heartbeat) bool { return beat.Status == status })
	}
	awaited := fmt.Sprintf("a heartbeat of %s that is answered %d", r.Label(), status)
	if !r.end.Await(awaited, func() bool { return answered() >= 0 }) {
		r.end.Violated("the task ended before a heartbeat was answered so", awaited, r.end.Saw())
	}
	return r.TI().Heartbeats[answered()]
}

// Reported waits until the server was told that state of the task, and took it.
func (r *Run) Reported(state string) world.Report {
	told := func() int {
		return slices.IndexFunc(r.TI().Reports, func(report world.Report) bool { return report.State == state && report.Status < 300 })
	}
	awaited := fmt.Sprintf("the state %s of %s", state, r.Label())
	if !r.end.Await(awaited, func() bool { return told() >= 0 }) {
		r.end.Violated("the task ended before the server knew its state", awaited, r.end.Saw())
	}
	return r.TI().Reports[told()]
}

// StateCalls returns every PATCH of the task's state that reached the server, refused
// ones included, with the answer.
func (r *Run) StateCalls() []string {
	var calls []string
	for _, request := range r.end.Backstage().World.Requests() {
		if request.Path == "task-instances/"+r.TI().ID+"/state" {
			calls = append(calls, fmt.Sprintf("%s %s: %d", request.Method, request.Path, request.Status))
		}
	}
	return calls
}
